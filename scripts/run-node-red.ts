// Node-RED with the starting flow, in a folder of its own. Environment: README.md, "Start it".
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { lstat, mkdir, readFile, symlink, unlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loadHubKey } from '../src/stores/key-file.ts'
import { demoHub, withStartSettings } from './start-flow.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { env } = process
const host = env.THINGLOOM_HOST ?? '127.0.0.1'
const dataDir = resolve(env.THINGLOOM_DATA ?? join(root, '.thingloom'))

const stop = (message: string): never => {
  console.error(`\n${message}\n`)
  process.exit(1)
}
const numberOf = (name: string, standard: number, most: number): number => {
  const value = Number(env[name] || standard)
  if (!Number.isInteger(value) || value < 1 || value > most)
    stop(`${name} is '${env[name]}': a whole number from 1 to ${most} is expected.`)
  return value
}
const port = numberOf('PORT', 1880, 65_535)
const mqttPort = numberOf('THINGLOOM_MQTT_PORT', 1883, 65_535)
const mqttsPort = numberOf('THINGLOOM_MQTTS_PORT', 8883, 65_535)
const devices = env.THINGLOOM_DEVICES ? numberOf('THINGLOOM_DEVICES', 50, 10_000) : undefined
if (env.THINGLOOM_KEY) await loadHubKey({ dataDir }).catch(error => stop((error as Error).message))

async function claim(name: string, wanted: number, address: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((opened, refused) => {
    server.once('error', refused).listen(wanted, address, opened)
  }).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be opened (${error.code ?? error.message})`
    stop(`Port ${wanted} on ${address} ${why}. Set ${name} to a free one: ${name}=${wanted + 1} npm start`)
  })
  await new Promise(closed => server.close(closed))
}

/** Makes a package of this checkout known to the Node-RED of the data folder. */
async function link(name: string, target: string): Promise<void> {
  const path = join(dataDir, 'node_modules', name)
  await mkdir(dirname(path), { recursive: true })
  if (await lstat(path).catch(() => undefined)) await unlink(path)
  await symlink(target, path, 'junction')
}

await claim('PORT', port, host)
await claim('THINGLOOM_MQTT_PORT', mqttPort, '127.0.0.1')
await claim('THINGLOOM_MQTTS_PORT', mqttsPort, host)
await mkdir(dataDir, { recursive: true, mode: 0o700 })
await link('@thingloom/node-red-iot', root)

const flowFile = join(dataDir, 'flows.json')
const source = existsSync(flowFile) ? flowFile : join(root, 'examples/04-pipelines/pipeline-dashboard.json')
const flow = withStartSettings(JSON.parse(await readFile(source, 'utf8')), { host, mqttPort, mqttsPort, devices })
await writeFile(flowFile, JSON.stringify(flow, null, 4), { mode: 0o600 })
const settings = join(dataDir, 'settings.cjs')
if (!existsSync(settings)) {
  await writeFile(
    settings,
    `module.exports = {
  flowFile: 'flows.json',
  uiPort: process.env.PORT || ${port},
  uiHost: process.env.THINGLOOM_HOST || '${host}',
  logging: { console: { level: 'info', metrics: false, audit: false } },
  editorTheme: { projects: { enabled: false }, tours: false, header: { title: 'Thingloom' } },
  diagnostics: { enabled: false },
  telemetry: { enabled: false },
}
`,
    { mode: 0o600 },
  )
}

const runtime = spawn(
  process.execPath,
  [join(root, 'node_modules/node-red/red.js'), '--userDir', dataDir, '--settings', settings],
  {
    stdio: 'inherit',
    env: { ...env, PORT: String(port), THINGLOOM_HOST: host },
  },
)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => runtime.kill(signal))
runtime.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))

const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
const base = `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`
// 401 and 403: the editor asks for a login, so the admin API is up all the same.
let status = 0
for (let tries = 0; tries < 300 && ![200, 401, 403].includes(status); tries++) {
  status = await fetch(`${base}/thingloom/${demoHub}/health`).then(
    answer => answer.status,
    () => 0,
  )
  if (status !== 200) await after(200)
}
if (![200, 401, 403].includes(status)) {
  console.error(
    `\n  The hub "${demoHub}" did not start within a minute: see the messages above. The editor may still run at ${base}/\n`,
  )
} else {
  const ca = join(dataDir, 'thingloom', demoHub, 'ca.pem')
  console.log(`
  Thingloom is running.

  Editor      ${base}/
  Dashboard   ${base}/dashboard/pipeline
  Devices     mqtts://${shown}:${mqttsPort} (plain text, this machine only: mqtt://127.0.0.1:${mqttPort})
  CA file     ${ca}

  For the snippets of README.md:

    export HUB_URL=${base}/thingloom/${demoHub} HUB_HOST=${shown} HUB_PORT=${mqttsPort} HUB_CA='${ca}'

  A device of your own:

    curl --fail-with-body -sS ${base}/thingloom/${demoHub}/devices -H 'content-type: application/json' \\
      -d '{"id":"my-first","credentials":{"kind":"password","password":"change-me-please"}}'

    mosquitto_pub -h ${shown} -p ${mqttsPort} --cafile ${ca} -i my-first -u my-first -P change-me-please -q 1 \\
      -t devices/my-first/telemetry -m '{"temperature": 21.5}'
`)
}
