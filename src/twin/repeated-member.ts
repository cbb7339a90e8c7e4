/** The first member of a JSON text (RFC 8259) that stands twice in its object, as it reads with its escapes resolved. Of a text that is no JSON it says anything. */
export function repeatedMember(text: string): string | undefined {
  const objects: (Set<string> | undefined)[] = []
  let last: string | undefined
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g)) {
    if (token === '{') objects.push(new Set())
    else if (token === '[') objects.push(undefined)
    else if (token === '}' || token === ']') objects.pop()
    else if (token !== ':') last = token
    else if (last !== undefined) {
      const members = objects.at(-1)
      const name = last.includes('\\') ? (JSON.parse(last) as string) : last.slice(1, -1)
      if (members?.has(name)) return name
      members?.add(name)
    }
  }
  return undefined
}
