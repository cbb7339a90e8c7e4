import type { BrokerPort, Connection, Principal } from '../broker/broker-port.ts'

/** Closes live connections that lost their right to be there. */
export function dropConnections(broker: () => Pick<BrokerPort, 'connections' | 'connectionsOf' | 'disconnect'>) {
  const close = async (connections: readonly Connection[]): Promise<void> => {
    await Promise.all(connections.map(({ id }) => broker().disconnect(id, 'FORBIDDEN_ACCESS')))
  }
  return {
    /** Of a device, or those that one of its credentials opened. */
    drop: (deviceId: string, cid?: string): Promise<void> =>
      close(
        broker()
          .connectionsOf(deviceId)
          .filter(({ principal }) => cid === undefined || principal.cid === cid),
      ),
    dropKind: (kind: Principal['kind']): Promise<void> =>
      close([...broker().connections()].filter(({ principal }) => principal.kind === kind)),
  }
}
