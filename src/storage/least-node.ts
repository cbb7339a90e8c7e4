import { LoomError } from '../errors.ts'

/** node:sqlite works without a flag from here on. */
const least = { major: 22, minor: 13 }

/** Throws HUB_NODE_VERSION for a Node.js that cannot open the stores. */
export function checkNodeVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > least.major || (major === least.major && minor >= least.minor)) return
  throw new LoomError('HUB_NODE_VERSION', version, { hint: `install Node.js ${least.major}.${least.minor} or newer` })
}
