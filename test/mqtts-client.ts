import { readFileSync } from 'node:fs'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'

export interface PlainClient {
  client: MqttClient
  /** in the order of their arrival */
  heard: { topic: string; payload: Buffer }[]
}

/** A client of MQTT 3.1.1 over TLS that does nothing by itself. */
export async function mqttsClient(
  { host, port, caFile }: { host: string; port: number; caFile: string },
  options: IClientOptions,
): Promise<PlainClient> {
  const client = await connectAsync(`mqtts://${host}:${port}`, {
    ca: readFileSync(caFile),
    protocolVersion: 4,
    reconnectPeriod: 0,
    ...options,
  })
  const heard: PlainClient['heard'] = []
  client.on('message', (topic, payload) => heard.push({ topic, payload }))
  client.on('error', () => {})
  return { client, heard }
}
