/** Works off ids that were noted, `most` at a time, until none is left, those noted meanwhile included. The ids of a batch that fails stay noted. */
export async function inBatches(
  noted: Set<string>,
  most: number,
  work: (ids: readonly string[]) => Promise<unknown>,
): Promise<void> {
  while (noted.size) {
    const ids = taken(noted, most)
    try {
      await work(ids)
    } catch (error) {
      for (const id of ids) noted.add(id)
      throw error
    }
  }
}

function taken(noted: Set<string>, most: number): string[] {
  const ids: string[] = []
  for (const id of noted) {
    if (ids.length === most) break
    ids.push(id)
    noted.delete(id)
  }
  return ids
}
