import { openRuleProtobuf, type RuleProtobuf } from '../../codec/protobuf/rule-protobuf.ts'
import { LoomError } from '../../errors.ts'
import type { Hub } from '../../hub/hub.ts'

/**
 * Schemas of the hub for `decode(.., 'proto', ..)`, which is Undefined without the package that reads Protobuf, and while the hub has been away since the start. `failed` is
 * told of schemas that could not be had.
 */
export async function protobufOf(
  hub: Pick<Hub, 'schemas' | 'subscribe'>,
  failed: (error: unknown) => void,
): Promise<Pick<RuleProtobuf, 'decode' | 'close'>> {
  const changed = (listener: (subject: string) => void): (() => void) =>
    hub.subscribe(event => void (event.type === 'schema' && listener(event.subject)))
  let opened: RuleProtobuf | undefined
  let missing = false
  let closed = false
  const open = async (): Promise<void> => {
    try {
      const protobuf = await openRuleProtobuf({ list: o => hub.schemas.list(o), get: o => hub.schemas.get(o), changed }, failed)
      if (closed || opened) protobuf.close()
      else opened = protobuf
    } catch (error) {
      if (error instanceof LoomError && error.code === 'CODEC_UNAVAILABLE') missing = true
      else failed(error)
    }
  }
  await open()
  const leave = hub.subscribe(event => {
    if (event.type === 'health' && event.status === 'ok' && !opened && !missing) void open()
  })
  return {
    decode: (...asked) => opened?.decode(...asked),
    close() {
      closed = true
      leave()
      opened?.close()
    },
  }
}
