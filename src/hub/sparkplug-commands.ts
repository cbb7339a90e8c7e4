import type { BrokerPort } from '../broker/broker-port.ts'
import { readHostTopic, readSparkplugTopic } from '../codec/sparkplug/topic.ts'
import { LoomError } from '../errors.ts'

export interface SparkplugCommandsApi {
  /**
   * To the edges that listen now, as `sparkplugCommand` and the rebirths of `openSparkplug` have it: NCMD, DCMD, or the state of a host, which is retained. A policy must let the edge receive the
   * topic. COMMAND_INVALID for another topic.
   */
  sparkplug(o: { topic: string; payload: Uint8Array }): Promise<void>
}

export const createSparkplugCommands = (broker: Pick<BrokerPort, 'publish'>): SparkplugCommandsApi => ({
  async sparkplug({ topic, payload }) {
    const state = readHostTopic(topic) !== undefined
    if (!state && !readSparkplugTopic(topic)?.kind.endsWith('CMD'))
      throw new LoomError('COMMAND_INVALID', `topic ${JSON.stringify(topic.slice(0, 80))}`, {
        hint: 'spBv1.0/group/NCMD/edge, spBv1.0/group/DCMD/edge/device or spBv1.0/STATE/host',
      })
    await broker.publish({ topic, payload, qos: state ? 1 : 0, ...(state && { retain: true }) })
  },
})
