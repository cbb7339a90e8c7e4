import { LoomError } from '../../errors.ts'
import type { DeviceView, Hub } from '../../hub/hub.ts'
import type { ExternalCall } from '../../routing/host.ts'
import type { RuleMessage } from '../../routing/message.ts'
import { decodedPayload } from '../../routing/payload.ts'
import { twinOf } from './intake.ts'
import { evaluateJsonata } from './jsonata.ts'
import { lookupsOf, sharedQuestions } from './shared-questions.ts'

interface Parts {
  hub?: Hub | undefined
  /** Calls the flow behind a Link In node of that name. */
  callLink(name: string, payload: unknown): Promise<unknown>
  now(): number
}

type Answer = (args: readonly unknown[], message: RuleMessage) => Promise<unknown>

/** Functions that the hub answers, many at a time; the others run here and have to end in time. */
export const askedOfHub: ReadonlySet<string> = new Set(['get_thing_shadow', 'get_registry_data', 'lookup'])

/** Answers external functions of rules. `undefined`: there is no such thing or device. What a hub answers needs one: HUB_MISSING. */
export function externalsOf({ hub, callLink, now }: Parts): (call: ExternalCall) => Promise<unknown> {
  const needed = (): Hub => {
    if (hub) return hub
    throw new LoomError('HUB_MISSING', '', { hint: 'choose a hub in the node and deploy' })
  }
  const shared = sharedQuestions()
  const lookup = lookupsOf(() => needed().reference)
  const answers: Readonly<Record<string, Answer>> = {
    get_thing_shadow: async ([thing, shadow]) =>
      shared(['shadow', thing, shadow], () => found(() => shadowOf(needed(), thing, shadow))),
    get_registry_data: async ([api, thing]) =>
      shared(['registry', api, thing], () => found(() => registryData(needed(), api, thing))),
    lookup: async ([table, key]) => lookup(String(table), keyOf(key)),
    aws_lambda: async ([name, payload]) => callLink(String(name).split(':').at(-1)!, payload),
    jsonata: async ([text, input], { payload }) => evaluateJsonata(String(text), input ?? decodedPayload(payload), now),
  }
  return async ({ name, args, message }) => answers[name]?.(args, message)
}

const keyOf = (key: unknown): string | number | boolean =>
  typeof key === 'number' || typeof key === 'boolean' ? key : String(key)

/** The main twin of a device, for conditions on `$twin`; undefined of a device that there is not. */
export const twinFor =
  ({ twins }: Pick<Hub, 'twins'>) =>
  (device: string): Promise<RuleMessage['twin']> =>
    found(async () => twinOf(await twins.get({ id: device })))

const notThere: ReadonlySet<string> = new Set(['IDENTITY_NOT_FOUND', 'IDENTITY_INVALID', 'TWIN_NOT_FOUND'])

async function found<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (thrown) {
    if (thrown instanceof LoomError && notThere.has(thrown.code)) return undefined
    throw thrown
  }
}

/** A second argument may be the role that AWS asks for; it has no meaning here. */
async function shadowOf({ twins }: Hub, thing: unknown, shadow: unknown): Promise<object> {
  const name = typeof shadow === 'string' && !/^arn:/i.test(shadow) ? shadow : ''
  const { desired, reported, delta, version } = await twins.get({ id: String(thing), ...(name && { name }) })
  return { state: { desired, reported, ...(delta && { delta }) }, version }
}

async function registryData({ devices, groups, fleet }: Hub, api: unknown, thing: unknown): Promise<object | undefined> {
  const id = String(thing)
  switch (String(api).toLowerCase()) {
    case 'describething':
      return thingOf(await devices.get({ id }))
    case 'listthinggroupsforthing': {
      const { direct } = await groups.groupsOf({ device: id })
      const { items } = await fleet.groupsOf({ device: id })
      return { thingGroups: [...direct, ...items].map(groupName => ({ groupName })) }
    }
    default:
      throw new LoomError('RULE_UNSUPPORTED', `get_registry_data of ${String(api).slice(0, 60)}`, {
        hint: 'DescribeThing or ListThingGroupsForThing',
      })
  }
}

const thingOf = ({ id, generation, attributes, enabled }: DeviceView): object => ({
  defaultClientId: id,
  thingName: id,
  thingId: generation,
  attributes,
  enabled,
})
