import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, start } from '../processes.ts'

const limitMs = 50_000

/** What an SDK's error told: `body` is the hub's own answer. */
export interface Refusal {
  name: string
  message: string
  body?: any
}

export interface SdkClient {
  /** Runs one command; rejects with the SDK's error. */
  ask(name: string, ...args: unknown[]): Promise<any>
  /** Runs one command that must fail. */
  refused(name: string, ...args: unknown[]): Promise<Refusal>
  child: Child
}

/** A process of an SDK that does what it is asked, one command after the other. */
export async function sdkClient(o: {
  script: `${'azure' | 'aws' | 'sparkplug'}-${string}-client.mjs`
  folder: string
  name: string
  settings: object
  env?: Record<string, string>
}): Promise<SdkClient> {
  const path = join(o.folder, `${o.name}.json`)
  writeFileSync(path, JSON.stringify(o.settings), { mode: 0o600 })
  const child = start(process.execPath, [join(import.meta.dirname, o.script), path], { ...(o.env && { env: o.env }) })
  await child.says(/^ready$/m, limitMs)
  let asked = 0
  const answer = async (name: string, args: unknown[]): Promise<{ result?: any; error?: Refusal }> => {
    const id = ++asked
    child.write(`${JSON.stringify({ id, name, args })}\n`)
    const [, text] = await child.says(new RegExp(`^reply (\\{"id":${id},.*\\})$`, 'm'), limitMs)
    return JSON.parse(text!)
  }
  return {
    child,
    async ask(name, ...args) {
      const { result, error } = await answer(name, args)
      if (error) throw new Error(`${o.name} ${name}: ${error.name} ${error.message} ${JSON.stringify(error.body ?? '')}`)
      return result
    },
    async refused(name, ...args) {
      const { result, error } = await answer(name, args)
      assert(error, `${o.name} ${name} was not refused: ${JSON.stringify(result)}`)
      return error
    },
  }
}

interface House {
  folder: string
  host: string
  port: number
  caFile: string
}

/** The Azure SDK's client for provisioning, as a registration id with its proof; `host`: the name by which it dials the hub. */
export const azureClient = (
  house: House,
  registrationId: string,
  proof: object,
  { host = house.host, ...env }: Record<string, string> = {},
): Promise<SdkClient> =>
  sdkClient({
    script: 'azure-provisioning-client.mjs',
    folder: house.folder,
    name: registrationId,
    settings: { host: `${host}:${house.port}`, registrationId, ...proof },
    env: { NODE_EXTRA_CA_CERTS: house.caFile, ...env },
  })

let awsClients = 0

/** One of the two identity clients that the AWS SDK has, without certificate until it is told to connect. */
export const awsClient = ({ folder, host, port, caFile }: House, style: 'v1' | 'v2' = 'v1'): Promise<SdkClient> =>
  sdkClient({
    script: 'aws-provisioning-client.mjs',
    folder,
    name: `aws-${++awsClients}`,
    settings: { host, port, caFile, style },
  })
