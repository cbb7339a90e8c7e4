import { isAbsolute } from 'node:path'
import { commandTopicFault } from '../dialects/aws/command-topics.ts'
import { LoomError } from '../errors.ts'
import { checkNodeVersion } from '../storage/least-node.ts'
import { readPaths } from '../topology/fleet-query/json.ts'
import { nameOfShadow } from '../twin/names.ts'
import { defaultLimits, type HubLimits, type HubOptions } from './options.ts'

const listenerKinds = [
  'mqtt',
  'mqtts',
  'ws',
  'wss',
  'https',
  'shared',
] as const satisfies HubOptions['listeners'][number]['kind'][]

/** Below these a hub could not work at all; 0 stands for none or automatic where a limit is not listed. */
const least: Partial<Record<keyof HubLimits, number>> = {
  payloadBytes: 1024,
  segmentBytes: 65_536,
  openSlots: 1,
  pendingBytes: 65_536,
  maxHoldMs: 1,
  configurationWrites: 1,
}

/** The options, or HUB_CONFIG_INVALID with every fault at once; HUB_NODE_VERSION where the default store cannot work. */
export function checkedOptions(options: HubOptions, nodeVersion: string = process.versions.node): HubOptions {
  checkNodeVersion(nodeVersion)
  const faults: string[] = []
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(options.hubId))
    faults.push(`hubId '${options.hubId}' is not of the form [a-z0-9][a-z0-9-]*, at most 63 characters`)
  if (options.hubId === 'rules') faults.push("hubId 'rules' is a path of the admin API")
  if (options.store !== 'memory' && !isAbsolute(options.dataDir))
    faults.push(`dataDir '${options.dataDir}' is not an absolute path`)
  if (!['sqlite', 'json', 'memory'].includes(options.store))
    faults.push(`store '${options.store}' is none of sqlite, json, memory`)
  if (!['embedded', 'none'].includes(options.broker)) faults.push(`broker '${options.broker}' is neither embedded nor none`)
  for (const { kind, port } of options.listeners) {
    if (!listenerKinds.includes(kind)) faults.push(`listener kind '${kind}' is none of ${listenerKinds.join(', ')}`)
    if (!Number.isInteger(port) || port < 0 || port > 65_535) faults.push(`port ${port} of listener ${kind} is not in 0..65535`)
  }
  const limits = options.limits ?? {}
  for (const [name, value] of Object.entries(limits)) {
    const standard = defaultLimits[name as keyof HubLimits]
    if (standard === undefined) faults.push(`limit '${name}' is unknown`)
    else if (typeof value !== typeof standard) faults.push(`limit ${name} is ${value}`)
    else if (typeof value === 'number') {
      const minimum = least[name as keyof HubLimits] ?? 0
      if (!(Number.isFinite(value) && value >= minimum)) faults.push(`limit ${name} is ${value}, at least ${minimum} is needed`)
    }
  }
  if ((limits.sasClockSkewS ?? 0) > 300) faults.push('limit sasClockSkewS is above 300')
  if (limits.journalFull !== undefined && limits.journalFull !== 'block' && limits.journalFull !== 'drop')
    faults.push('limit journalFull is neither block nor drop')
  const topicFault = options.commandTopic === undefined ? undefined : commandTopicFault(options.commandTopic)
  if (topicFault) faults.push(`commandTopic: ${topicFault}`)
  try {
    nameOfShadow(options.mainShadow)
  } catch (error) {
    faults.push(`mainShadow: ${(error as Error).message}`)
  }
  try {
    readPaths(String(limits.fleetPaths ?? ''))
  } catch (error) {
    faults.push(`limit fleetPaths: ${(error as Error).message}`)
  }
  if (faults.length) throw new LoomError('HUB_CONFIG_INVALID', faults.join('; '))
  return options
}

export const limitsOf = (options: HubOptions): HubLimits => ({ ...defaultLimits, ...options.limits })
