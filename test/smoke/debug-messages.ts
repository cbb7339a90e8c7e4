export interface DebugMessages {
  readonly messages: { id: string; msg: string; path?: string; format?: string; level?: number }[]
  close(): void
}

/** What debug nodes tell the editor, over the editor's own socket. */
export async function debugMessages(url: string): Promise<DebugMessages> {
  const messages: DebugMessages['messages'] = []
  const socket = new WebSocket(`${url.replace('http', 'ws')}/comms`)
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error(`no editor socket at ${url}`))
  })
  socket.onmessage = ({ data }) => {
    const events = [JSON.parse(String(data))].flat() as { topic?: string; data?: DebugMessages['messages'][number] }[]
    for (const { topic, data } of events) if (topic === 'debug' && data) messages.push(data)
  }
  socket.send(JSON.stringify({ subscribe: 'debug' }))
  return { messages, close: () => socket.close() }
}
