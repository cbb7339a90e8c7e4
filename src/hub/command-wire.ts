import type { BrokerPort, Connection } from '../broker/broker-port.ts'
import { matches } from '../broker/topic-match.ts'
import { type MethodCalls, type MethodDelivery, methodLimits } from '../commands/method-calls.ts'
import type { CommandTopics } from '../dialects/aws/command-topics.ts'
import { azureMethod, azureMethodAnswer, azureMethodTopic } from '../dialects/azure/method.ts'
import { commandTopic, plainCommandAnswer } from '../dialects/plain/command.ts'
import type { WireAnswer } from '../dialects/dialect.ts'
import { LoomError } from '../errors.ts'
import type { DeviceRequest } from './gate.ts'
import type { Listener, Listening } from './listening.ts'

export interface CommandWireParts {
  calls: Pick<MethodCalls, 'answer' | 'fail' | 'listening'>
  listening: Pick<Listening, 'of' | 'on' | 'gatewaysOf'>
  mayHear(connection: Connection, topic: string, features: readonly string[]): boolean
  broker(): Pick<BrokerPort, 'connectionsOf' | 'send'>
  /** further ones, for things */
  topics?: CommandTopics | undefined
}

const feature = 'methods'

/** Direct methods as devices see them: the call to one connection of the device, its answer back. */
export function createCommandWire({ calls, listening, mayHear, broker, topics }: CommandWireParts) {
  let late = 0

  /** Where a listener hears of a call; undefined: nowhere. */
  const topicFor = ({ filter }: Listener, call: MethodDelivery): string | undefined =>
    [commandTopic(call.deviceId, call), ...(topics ? [topics.topic(call.deviceId, call)] : [])].find(topic =>
      matches(filter, topic),
    )
  /** The newest connection of the device that subscribed it, else of its gateway. Modules have methods of their own, which are not offered. */
  const takerOf = (call: MethodDelivery): Listener | undefined => {
    const takers = listening.of(call.deviceId, feature).filter(listener => {
      const { connection, features } = listener
      const { family, module } = connection.principal
      if (module !== undefined) return false
      if (family === 'iothub') return mayHear(connection, azureMethodTopic(call.name), features)
      const topic = topicFor(listener, call)
      return topic !== undefined && mayHear(connection, topic, features)
    })
    return takers.findLast(({ connection }) => connection.principal.deviceId === call.deviceId) ?? takers.at(-1)
  }
  /** It has a connection, or its gateway listens for it on one. */
  const isThere = (call: MethodDelivery): boolean =>
    broker().connectionsOf(call.deviceId).some(isDevice) ||
    listening.gatewaysOf(call.deviceId).some(gateway => mayHear(gateway, commandTopic(call.deviceId, call), [feature]))

  listening.on(feature, ({ deviceId }) => calls.listening(deviceId))

  return {
    /** Whether it was written; what becomes of a connection after that is for the call's own time. BROKER_THROTTLED: the device does not take what it is sent. */
    async deliver(call: MethodDelivery): Promise<'sent' | 'away' | 'untaken'> {
      const taker = takerOf(call)
      if (!taker) return isThere(call) ? 'untaken' : 'away'
      const { connection, qos } = taker
      const message: WireAnswer =
        connection.principal.family === 'iothub'
          ? azureMethod(call)
          : { topic: topicFor(taker, call)!, payload: call.payload, qos }
      let refused: unknown
      broker()
        .send(connection.id, message)
        .catch(error => (refused = error))
      // A message for which there is no room is refused at once; an acknowledgement may come after the answer, or never.
      await new Promise(setImmediate)
      if (refused === undefined) return 'sent'
      if (refused instanceof LoomError && refused.code === 'BROKER_DISCONNECTED') return 'away'
      throw refused
    },

    /** Undefined: no answer of a method. An answer has no answer. */
    request({ principal }: Connection, request: DeviceRequest, payload: Uint8Array): Promise<undefined> | undefined {
      if (request.operation !== 'method.answer') return undefined
      const { dialect, rid = '', topic, leaf: deviceId = principal.deviceId } = request
      if (payload.length > methodLimits.payloadBytes) {
        const error = new LoomError('COMMAND_TOO_LARGE', `an answer of ${payload.length} bytes`, {
          hint: `at most ${methodLimits.payloadBytes}`,
        })
        if (!calls.fail({ deviceId, rid, error })) late++
      } else {
        const answer = dialect === 'azure' ? azureMethodAnswer(topic, payload) : plainCommandAnswer(payload)
        if (!calls.answer({ deviceId, rid, ...answer })) late++
      }
      return Promise.resolve(undefined)
    },

    /** Answers that nobody waited for any more. */
    get late() {
      return late
    },
  }
}

const isDevice = ({ principal }: Connection): boolean =>
  principal.module === undefined && (principal.family === 'iothub' || principal.family === 'thing')
