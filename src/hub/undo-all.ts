/** Last opened, first closed; each is tried, the first failure is thrown at the end. */
export async function undoAll(steps: (() => Promise<unknown>)[]): Promise<void> {
  let failure: unknown
  for (const step of steps.splice(0).reverse()) await step().catch(error => (failure ??= error))
  if (failure) throw failure
}
