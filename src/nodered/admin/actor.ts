import type { Request } from 'express'

/** Who asks, as the audit log shows it: the user of Node-RED's own authentication, or whoever reaches an open editor. */
export function actorOf(request: Request): string {
  const { username } = (request as { user?: { username?: unknown } }).user ?? {}
  if (typeof username !== 'string' || !username) return 'admin api'
  return `user ${username.replace(/\p{Cc}/gu, ' ').slice(0, 120)}`
}
