import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { type FlowNode, type NodeRedProcess, startNodeRed, userFolder } from '../node-red-process.ts'
import { freePorts, tempFolder, until } from '../processes.ts'
import type { Vault } from './secret-search.ts'

/** What somebody was answered. `reveals`: names of secrets that this one answer is there for. */
export interface Exchange {
  place: string
  status: number
  headers: Headers
  text: string
  bytes: Buffer
  reveals: Set<string>
}

export interface Ask {
  body?: unknown
  /** instead of `body`, as it is */
  raw?: string
  type?: string
  headers?: Record<string, string>
  /** The secrets of the answer by name: planted, and looked for everywhere else. */
  reveals?: (answer: any) => Record<string, string | undefined>
}

const pemLike = (value: string): boolean => value.includes('PRIVATE KEY-----')

/** Plants a private key as such, everything else as text. */
export function plant(vault: Vault, secrets: Record<string, string | undefined>): string[] {
  for (const [name, value] of Object.entries(secrets)) {
    if (value === undefined) throw new Error(`${name} was not in the answer`)
    if (pemLike(value)) vault.plantKey(name, value)
    else if (/^[A-Z0-9]{4}-[A-Z0-9]{4}$/.test(value)) vault.plantCode(name, value)
    else vault.plant(name, value)
  }
  return Object.keys(secrets)
}

const settings = `module.exports = {
  uiHost: '127.0.0.1', flowFile: 'flows.json', credentialSecret: 'of the runtime itself', diagnostics: { enabled: false },
  functionGlobalContext: { fs: require('node:fs') }, editorTheme: { tours: false, projects: { enabled: false }, palette: { catalogues: [] } },
  telemetry: { enabled: false }, externalModules: { autoInstall: false },
  logging: { console: { level: 'trace', metrics: true, audit: true } },
}\n`

/** Node-RED that logs all it can, whose every answer, live event and editor message is kept. */
export async function secretHouse({ vault, hubId, env = {} }: { vault: Vault; hubId: string; env?: Record<string, string> }) {
  const folder = tempFolder('secrets')
  const [port, mqtt, mqtts, https] = (await freePorts(4)) as [number, number, number, number]
  const user = userFolder(join(folder, 'user'), [])
  writeFileSync(join(user, 'settings.cjs'), settings)
  mkdirSync(join(folder, 'seen'))
  const nodeRed: NodeRedProcess = await startNodeRed({ folder: user, port, env })
  const exchanges: Exchange[] = []
  const clients: MqttClient[] = []
  const streams: { place: string; text: string }[] = []
  const ends = new AbortController()

  const kept = (place: string, o: { status: number; headers: Headers; bytes: Buffer }, reveals?: Ask['reveals']): Exchange => {
    const text = o.bytes.toString()
    const exchange: Exchange = { place, ...o, text, reveals: new Set() }
    exchanges.push(exchange)
    if (!reveals) return exchange
    assert(o.status < 300, `${place}: ${o.status} ${text.slice(0, 300)}`)
    const json = /json/.test(o.headers.get('content-type') ?? '') && !/ndjson/.test(o.headers.get('content-type') ?? '')
    exchange.reveals = new Set(plant(vault, reveals(json ? JSON.parse(text) : text)))
    return exchange
  }
  /** A request to Node-RED; no status is a failure. */
  const ask = async (method: string, path: string, { body, raw, type = 'application/json', headers = {}, reveals }: Ask = {}) => {
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    const answer = await fetch(nodeRed.url + path, {
      method,
      headers: { accept: 'application/json', ...(sent !== undefined && { 'content-type': type }), ...headers },
      ...(sent !== undefined && { body: sent }),
      signal: AbortSignal.timeout(60_000),
    })
    const bytes = Buffer.from(await answer.arrayBuffer())
    return kept(
      `answer ${exchanges.length}: ${method} ${path.slice(0, 60)}`,
      { status: answer.status, headers: answer.headers, bytes },
      reveals,
    )
  }
  const caPem = () => readFileSync(join(folder, 'hub', 'ca.pem'), 'utf8')
  /** A request to the https listener of the hub. */
  const device = (
    path: string,
    o: {
      method?: string
      headers?: Record<string, string>
      body?: string
      identity?: { cert: string; key: string }
      reveals?: Ask['reveals']
    } = {},
  ) =>
    new Promise<Exchange>((resolve, reject) => {
      const { method = 'POST', headers = { 'content-type': 'application/json' }, body = '{"t":1}', identity, reveals } = o
      const to = { host: '127.0.0.1', port: https, path, method, headers, ca: caPem(), agent: false as const, ...identity }
      const sent = request(to, response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.once('end', () => {
          const answer = { status: response.statusCode!, headers: new Headers(), bytes: Buffer.concat(chunks) }
          for (const [name, value] of Object.entries(response.headers)) answer.headers.set(name, String(value))
          try {
            resolve(kept(`device answer ${exchanges.length}: ${method} ${path.slice(0, 60)}`, answer, reveals))
          } catch (error) {
            reject(error)
          }
        })
      })
      sent.setTimeout(60_000, () => sent.destroy(new Error('no answer')))
      sent.once('error', reject)
      sent.end(body)
    })

  const connect = async (options: IClientOptions, { plain = false } = {}) => {
    const client = await connectAsync(plain ? `mqtt://127.0.0.1:${mqtt}` : `mqtts://127.0.0.1:${mqtts}`, {
      ...(!plain && { ca: caPem() }),
      protocolVersion: 4,
      reconnectPeriod: 0,
      connectTimeout: 60_000,
      ...options,
    })
    clients.push(client)
    const heard: { topic: string; text: string; reveals?: Ask['reveals'] }[] = []
    client.on('error', () => {})
    client.on('message', (topic, payload) => void heard.push({ topic, text: payload.toString() }))
    return {
      client,
      /** Publishes, and takes the next message for the answer. */
      async asks(topic: string, body: unknown, reveals?: Ask['reveals']): Promise<any> {
        const before = heard.length
        await client.publishAsync(topic, typeof body === 'string' ? body : JSON.stringify(body), { qos: 1 })
        const { topic: on, text } = await until(`an answer on ${topic}`, () => heard[before], 30_000)
        // Answers of devices have no headers: what they reveal is as if it were not to be cached.
        const headers = new Headers({ 'cache-control': 'no-store', 'content-type': 'application/json' })
        kept(`message ${exchanges.length}: ${on.slice(0, 60)}`, { status: 200, headers, bytes: Buffer.from(text) }, reveals)
        return JSON.parse(text || '{}')
      },
    }
  }
  /** A CONNECT that must be refused. */
  const refused = async (options: IClientOptions, o: { plain?: boolean } = {}) =>
    assert.rejects(connect(options, o), `it was let in: ${JSON.stringify(options.clientId)}`)

  return {
    vault,
    folder,
    user,
    nodeRed,
    hubId,
    ports: { mqtt, mqtts, https },
    exchanges,
    streams,
    ask,
    device,
    connect,
    refused,
    seen: (name: string) => join(folder, 'seen', name),
    async deploy(flows: FlowNode[], kind = 'full') {
      const answer = await ask('POST', '/flows', { body: flows, headers: { 'node-red-deployment-type': kind } })
      assert(answer.status < 300, answer.text)
    },
    /** Everything the editor's socket and the live events of the hub tell from now on. */
    async listen() {
      const events = { place: 'live events', text: '' }
      const editor = { place: "the editor's socket", text: '' }
      streams.push(events, editor)
      const answer = await fetch(`${nodeRed.url}/thingloom/${hubId}/events`, { signal: ends.signal })
      assert.equal(answer.status, 200)
      const read = async () => {
        for await (const chunk of answer.body!) events.text += Buffer.from(chunk).toString('latin1')
      }
      read().catch(() => {})
      const socket = new WebSocket(`${nodeRed.url.replace('http', 'ws')}/comms`)
      ends.signal.addEventListener('abort', () => socket.close())
      await new Promise<void>((resolve, reject) => {
        socket.onopen = () => resolve()
        socket.onerror = () => reject(new Error('no editor socket'))
      })
      socket.onmessage = ({ data }) => void (editor.text += `${data}\n`)
      for (const subscribe of ['debug', 'status/#', 'notification/#']) socket.send(JSON.stringify({ subscribe }))
    },
    async hangUp() {
      await Promise.all(clients.map(client => client.endAsync(true).catch(() => {})))
      ends.abort()
    },
  }
}
export type SecretHouse = Awaited<ReturnType<typeof secretHouse>>

/** Every file below a folder as [path, bytes]; links are not followed. */
export function filesIn(folder: string): [string, Buffer][] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesIn(path)
    return entry.isFile() ? [[path, readFileSync(path)] as [string, Buffer]] : []
  })
}
