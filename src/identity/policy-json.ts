import { type Place, policyFault, shownText } from './policy-fault.ts'

interface NodeBase {
  at: number
  path: string
}

/** A JSON value that knows where it stands. */
export type JsonNode =
  | (NodeBase & { type: 'object'; members: Map<string, { keyAt: number; value: JsonNode }> })
  | (NodeBase & { type: 'array'; items: JsonNode[] })
  /** `plain`: without escapes, so that offsets in the value are offsets in the text */
  | (NodeBase & { type: 'string'; value: string; plain: boolean })
  | (NodeBase & { type: 'scalar'; value: number | boolean | null })

const deepest = 12
const scalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
// RFC 8259: no control character stands in a string unescaped
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y

/** RFC 8259 with places; a member that stands twice in an object is refused. POLICY_INVALID. */
export function readJson(text: string): JsonNode {
  const reader = new Reader(text)
  const node = reader.value('', 0)
  reader.end()
  return node
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(path: string, depth: number): JsonNode {
    this.#skip()
    if (depth > deepest) throw this.#fault(path, 'nested too deep')
    const next = this.#text[this.#at]
    if (next === '{') return this.#object(path, depth)
    if (next === '[') return this.#array(path, depth)
    if (next === '"') return this.#string(path)
    const at = this.#at
    const word = this.#match(scalar)
    if (word === undefined) throw this.#fault(path, `${this.#here()} is no JSON value`)
    return { type: 'scalar', at, path, value: JSON.parse(word) as number | boolean | null }
  }

  end(): void {
    this.#skip()
    if (this.#at < this.#text.length) throw this.#fault('', `${this.#here()} behind the end of the document`)
  }

  #object(path: string, depth: number): JsonNode {
    const at = this.#at++
    const members = new Map<string, { keyAt: number; value: JsonNode }>()
    for (this.#skip(); !this.#take('}'); this.#skip()) {
      if (members.size) this.#separator('}', path)
      this.#skip()
      const keyAt = this.#at
      if (this.#text[keyAt] !== '"') throw this.#fault(path, `${this.#here()} where the name of a member is due`)
      const name = this.#string(path).value
      if (members.has(name)) throw this.#fault(path, `${shownText(name)} stands here twice`, keyAt)
      this.#skip()
      if (!this.#take(':')) throw this.#fault(path, `${this.#here()} where a colon is due`)
      members.set(name, { keyAt, value: this.value(path ? `${path}.${name}` : name, depth + 1) })
    }
    return { type: 'object', at, path, members }
  }

  #array(path: string, depth: number): JsonNode {
    const at = this.#at++
    const items: JsonNode[] = []
    for (this.#skip(); !this.#take(']'); this.#skip()) {
      if (items.length) this.#separator(']', path)
      items.push(this.value(`${path}[${items.length}]`, depth + 1))
    }
    return { type: 'array', at, path, items }
  }

  #separator(end: string, path: string): void {
    if (!this.#take(',')) throw this.#fault(path, `${this.#here()} where a comma or ${end} is due`)
  }

  #string(path: string): JsonNode & { type: 'string' } {
    const at = this.#at
    const raw = this.#match(string)
    if (raw === undefined) throw this.#brokenString(path, at)
    const value = JSON.parse(raw) as string
    return { type: 'string', at, path, value, plain: value.length === raw.length - 2 }
  }

  #brokenString(path: string, at: number) {
    const broken = /"(?:[^"\\\r\n]|\\.)*/y
    broken.lastIndex = at
    const end = at + (broken.exec(this.#text)?.[0].length ?? 0)
    const detail = /[\r\n]/.test(this.#text[end] ?? '')
      ? 'the line ends inside a text'
      : end < this.#text.length
        ? 'a control character or unknown escape in a text'
        : 'the document ends inside a text'
    return this.#fault(path, detail, detail.startsWith('a ') ? at : end)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #skip(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? '-')) this.#at++
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #here(): string {
    return this.#at < this.#text.length ? shownText(this.#text[this.#at]!) : 'the end of the document'
  }

  #fault(path: string, detail: string, at = this.#at) {
    return policyFault({ text: this.#text, at, path }, detail)
  }
}

/** The place of a node, or of a character of its text where that can be told. */
export function placeOf(text: string, node: JsonNode, index?: number): Place {
  const at = index !== undefined && node.type === 'string' && node.plain ? node.at + 1 + index : node.at
  return { text, at, path: node.path }
}
