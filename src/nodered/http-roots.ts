interface Roots {
  httpAdminRoot?: string | false
  httpNodeRoot?: string | false
}

/** The path, with a slash at both ends, that editor and flows share, as they do until someone sets them apart; then requests of the one pass through the other. */
export function sharedRoot(settings: object): string | undefined {
  const { httpAdminRoot, httpNodeRoot } = settings as Roots
  if (typeof httpAdminRoot !== 'string' || typeof httpNodeRoot !== 'string') return undefined
  const root = formatted(httpAdminRoot)
  return root === formatted(httpNodeRoot) ? root : undefined
}

const formatted = (root: string): string => `/${root}/`.replace(/\/+/g, '/')
