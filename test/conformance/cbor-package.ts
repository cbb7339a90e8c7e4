import { registerHooks } from 'node:module'

// Must be what a hub loads, wherever that is installed: pure JavaScript, as on a machine without its native part.
process.env.CBOR_NATIVE_ACCELERATION_DISABLED = 'true'

/** As if the optional package were installed beside the hub: this folder's is found by all that ask from now on. */
export const cborInstalled = (): (() => void) => {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, specifier === 'cbor-x' ? { ...context, parentURL: import.meta.url } : context),
  })
  return () => hooks.deregister()
}
