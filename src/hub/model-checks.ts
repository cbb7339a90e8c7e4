import { LoomError } from '../errors.ts'
import type { MethodCalls } from '../commands/method-calls.ts'
import type { Envelope } from '../telemetry/envelope.ts'
import { faultText, mostFaults } from '../twin/model/checked-model.ts'
import type { ModelFault } from '../twin/model/model.ts'
import { isSection } from '../twin/json.ts'
import { mainTwin } from '../twin/names.ts'
import type { TwinPatch, TwinUpdate } from '../twin/update.ts'
import type { ModelEvent } from './hub-models.ts'
import { LetterAllowance } from './letter-allowance.ts'
import type { Binding, ModelBindings } from './model-bindings.ts'

/** News of one device in a minute, and devices that are counted one by one. */
const allowance = { perMinute: 10, maxDevices: 10_000 }

/** Looks at the values of one message; `faults` grows. */
export interface TelemetryLook {
  look(values: Record<string, unknown>, path: string): Record<string, unknown>
  readonly faults: ModelFault[]
  /** it is not to be taken */
  readonly strict: boolean
  /** When it is known what becomes of the message. */
  tell(): void
}

export interface TwinModels {
  /** The patch by its long names, if the device's model has short ones. */
  expanded(device: string, name: string, patch: TwinPatch): Promise<TwinPatch>
  /** TWIN_INVALID with the path, if the model is strict. */
  check(device: string, name: string, update: TwinUpdate): Promise<void>
}

/** What devices and flows say, held against models. */
export function createModelChecks(o: { bindings: ModelBindings; emit(event: ModelEvent): void; now: () => number }) {
  const { bindings, emit, now } = o
  const news = new LetterAllowance({
    ...allowance,
    leftOut: ({ device, count, over }) => {
      if (over) emit({ type: 'model', at: now(), code: 'MODEL_VIOLATION', device, model: '', leftOut: count })
    },
  })
  const tell = (
    device: string,
    { name: model, mode }: Binding,
    about: ModelEvent['about'] & string,
    faults: ModelFault[],
  ): void => {
    news.look(now())
    if (news.allows(device)) emit({ type: 'model', at: now(), code: 'MODEL_VIOLATION', device, model, mode, about, faults })
  }

  /** Undefined: it follows no model. */
  const telemetry = ({ deviceId, system }: Envelope): TelemetryLook | undefined => {
    const binding = bindings.of(deviceId)
    if (!binding) return undefined
    const { checked, closed, mode } = binding
    const component = system['$.sub']
    const faults: ModelFault[] = []
    return {
      faults,
      strict: mode === 'strict',
      look(given, path) {
        const { values, faults: found } = checked.expand(given, path)
        if (!found.length) found.push(...checked.telemetry(values, { closed, path, ...(component && { component }) }))
        for (const fault of found) if (faults.length < mostFaults) faults.push(fault)
        return values
      },
      tell: () => tell(deviceId, binding, 'telemetry', faults),
    }
  }

  const twins: TwinModels = {
    async expanded(device, name, patch) {
      if (bindings.none || name !== mainTwin || !isSection(patch.reported)) return patch
      const binding = await bindings.bound(device)
      if (!binding?.checked.short.size) return patch
      const { values, faults } = binding.checked.expand(patch.reported)
      if (faults.length) refuse(device, binding, 'reported', faults)
      return values === patch.reported ? patch : { ...patch, reported: values }
    },
    async check(device, name, { accepted, doc }) {
      if (bindings.none || name !== mainTwin) return
      const binding = await bindings.bound(device)
      if (!binding) return
      for (const section of ['desired', 'reported'] as const) {
        const patch = accepted.state[section]
        if (!patch) continue
        const faults = binding.checked.properties(section, patch, doc[section], binding)
        if (faults.length) refuse(device, binding, section, faults)
      }
    },
  }
  const refuse = (device: string, binding: Binding, section: 'desired' | 'reported', faults: ModelFault[]): void => {
    tell(device, binding, section, faults)
    if (binding.mode !== 'strict') return
    throw new LoomError('TWIN_INVALID', `${section}.${faultText(faults)}`, {
      hint: `model ${binding.name}`,
      position: `${section}.${faults[0]!.path}`,
    })
  }

  return {
    telemetry,
    twins,
    /** Calls whose payloads are as the model of the device says: COMMAND_INVALID if not. An answer that is not is an event, and passes. */
    calls: (calls: MethodCalls): MethodCalls['call'] =>
      async function call(request) {
        const { deviceId, name, payload } = request
        const binding = bindings.none ? undefined : await bindings.bound(deviceId)
        if (!binding) return calls.call(request)
        const faults = binding.checked.command(name, 'request', payload, binding)
        if (faults.length) {
          tell(deviceId, binding, 'command', faults)
          if (binding.mode === 'strict')
            throw new LoomError('COMMAND_INVALID', `"${name}": ${faultText(faults)}`, {
              hint: `model ${binding.name}`,
              position: faults[0]!.path,
            })
        }
        const result = await calls.call(request)
        // What is below 300 is what the method is for; else it says why it failed, in no form that a model has.
        const answered = result.status < 300 ? binding.checked.command(name, 'response', result.payload, {}) : []
        if (answered.length) tell(deviceId, binding, 'answer', answered)
        return result
      },
  }
}

export type ModelChecks = ReturnType<typeof createModelChecks>
