import type { Namespace, Reader, ReflectionObject, Root, Type } from 'protobufjs'
import { LoomError } from '../../errors.ts'
import { schemaLimits } from '../avro/avro-type.ts'
import { loadPeer } from '../peers.ts'
import type { SchemaText } from '../schema-text.ts'

/** Messages of one file, and what they are made of. */
export interface ProtobufSchema {
  root: Root
  /** Messages of the file itself that are in no other, in its order: what the frame of a registry counts. */
  messages: readonly Type[]
}

export interface ProtobufLibrary {
  /** SCHEMA_INVALID, SCHEMA_LIMIT */
  read(source: SchemaText): ProtobufSchema
  readerOf(bytes: Uint8Array): Reader
}

const word = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/
const wellKnown = /^google\/protobuf\/(any|duration|empty|struct|timestamp|wrappers|field_mask)\.proto$/
const ownFile = 'schema.proto'
/** The text of a set of descriptors, as `protoc --descriptor_set_out` writes it, in base64. */
const descriptorSet = /^[A-Za-z0-9+/\s]{8,}(?:={1,2}\s*)?$/

/**
 * Protobuf by the library `protobufjs`, which makes code of schemas: of those only whose names are words. Text of .proto files or, in base64, a set of descriptors; imports are what the schema
 * refers to and the well-known types, never a file. CODEC_UNAVAILABLE.
 */
export async function loadProtobuf(): Promise<ProtobufLibrary> {
  const { default: library } = (await loadPeer('protobufjs')) as unknown as { default: typeof import('protobufjs') }
  const { default: descriptor } = (await import('protobufjs/ext/descriptor.js' as string)) as {
    default: { FileDescriptorSet: Type }
  }

  // Parts that are read meanwhile carry this name.
  const parser = library.parse as unknown as { filename: string | null }

  const addFile = (root: Root, name: string, text: string, files: ReadonlyMap<string, string>, done: Set<string>): void => {
    if (done.has(name)) return
    done.add(name)
    assertBraces(text)
    parser.filename = name
    const { imports = [], weakImports = [] } = library.parse(text, root, { keepCase: true })
    for (const wanted of [...imports, ...weakImports]) {
      const known = files.get(wanted)
      if (known !== undefined) addFile(root, wanted, known, files, done)
      else if (wellKnown.test(wanted)) root.addJSON(library.common.get(wanted)!.nested!)
      else
        throw new LoomError('SCHEMA_INVALID', `import ${JSON.stringify(wanted.slice(0, 80))}`, {
          hint: 'refer to a registered schema of that name',
        })
    }
  }

  const fromText = (source: SchemaText): ProtobufSchema => {
    const root = new library.Root()
    const files = new Map((source.references ?? []).map(({ name, schema }) => [name, schema]))
    addFile(root, ownFile, source.schema, files, new Set())
    return { root, messages: typesOf(root).filter(({ filename, parent }) => filename === ownFile && !isType(parent)) }
  }
  const fromDescriptors = ({ schema }: SchemaText): ProtobufSchema => {
    const set = descriptor.FileDescriptorSet.decode(Buffer.from(schema, 'base64')) as unknown as DescriptorSet
    const own = set.file?.at(-1)
    if (!own) throw new LoomError('SCHEMA_INVALID', 'a set of descriptors without file')
    const root = (library.Root as unknown as { fromDescriptor(set: unknown): Root }).fromDescriptor(set)
    const prefix = own.package ? `${own.package}.` : ''
    return { root, messages: (own.messageType ?? []).map(({ name }) => root.lookupType(prefix + name)) }
  }
  const isType = (object: unknown): object is Type => object instanceof library.Type
  const typesOf = (space: Namespace): Type[] =>
    space.nestedArray.flatMap(object => [
      ...(isType(object) ? [object] : []),
      ...(object instanceof library.Namespace ? typesOf(object) : []),
    ])

  return {
    readerOf: bytes => library.Reader.create(bytes),
    read(source) {
      const size = Buffer.byteLength(source.schema)
      if (size > schemaLimits.textBytes)
        throw new LoomError('SCHEMA_LIMIT', `${size} bytes`, { hint: `at most ${schemaLimits.textBytes}` })
      try {
        const made = descriptorSet.test(source.schema) ? fromDescriptors(source) : fromText(source)
        assertNames(made.root)
        made.root.resolveAll()
        if (!made.messages.length) throw new LoomError('SCHEMA_INVALID', 'it has no message')
        return made
      } catch (error) {
        if (error instanceof LoomError) throw error
        throw new LoomError('SCHEMA_INVALID', String((error as Error).message).slice(0, 200), { cause: error })
      } finally {
        parser.filename = null
      }
    },
  }

  /** Names become parts of code. */
  function assertNames(root: Root): void {
    let count = 0
    const look = (object: ReflectionObject): void => {
      if (++count > schemaLimits.nodes) throw new LoomError('SCHEMA_LIMIT', `more than ${schemaLimits.nodes} parts`)
      // An extension is named after what it extends.
      if (
        object.name &&
        !object.name
          .replace(/^\./, '')
          .split('.')
          .every(part => word.test(part))
      )
        throw new LoomError('SCHEMA_INVALID', `${JSON.stringify(object.name.slice(0, 60))} is no name`)
      if (object instanceof library.Type) for (const part of [...object.fieldsArray, ...object.oneofsArray]) look(part)
      if (object instanceof library.Enum)
        for (const name of Object.keys(object.values))
          if (!word.test(name)) throw new LoomError('SCHEMA_INVALID', `${JSON.stringify(name.slice(0, 60))} is no name`)
      if (object instanceof library.Namespace) for (const nested of object.nestedArray) look(nested)
    }
    look(root)
  }
}

interface DescriptorSet {
  file?: { package?: string; messageType?: { name: string }[] }[]
}

/** What opens is passed over even if it never closes: looking for its end from each place again would take quadratic time. */
const textsAndComments = /"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g

/** The parser goes as deep as the text does. */
function assertBraces(text: string): void {
  let depth = 0
  for (const [brace] of text.replace(textsAndComments, '').matchAll(/[{}[\]<>()]/g)) {
    depth += '{[<('.includes(brace) ? 1 : -1
    if (depth > schemaLimits.depth) throw new LoomError('SCHEMA_LIMIT', `nested deeper than ${schemaLimits.depth}`)
  }
}
