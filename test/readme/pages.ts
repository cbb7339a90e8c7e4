import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'

export interface Page {
  file: string
  text: string
  /** without code blocks */
  prose: string
}

export const pages: readonly Page[] = ['README.md', 'CHANGELOG.md', ...readdirSync('docs').map(name => `docs/${name}`)]
  .filter(file => file.endsWith('.md'))
  .map(file => {
    const text = readFileSync(file, 'utf8')
    return { file, text, prose: text.replace(/^ *```[\s\S]*?^ *```$/gm, '') }
  })

export const pageOf = (file: string): Page => pages.find(page => page.file === file)!

/** Texts between single backticks. */
export const codeOf = ({ prose }: Page): string[] => [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!)

/** The anchors that GitHub gives the headings of a page. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

/** Relative links and images of a page that lead nowhere. */
export function brokenLinks({ file, prose }: Page): string[] {
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!).filter(target => !/^https?:/.test(target))
  return links.filter(target => {
    const [path, anchor] = target.split('#') as [string, string?]
    const at = path ? posix.normalize(posix.join(posix.dirname(file), path)) : file
    if (!existsSync(at)) return true
    return anchor !== undefined && !anchorsOf(readFileSync(at, 'utf8')).includes(anchor)
  })
}

/** Paths of this checkout that a page names and that are not there; patterns and places in user folders aside. */
export function missingPaths(page: Page): string[] {
  const named = /(?:^|[\s"'`(])((?:src|test|scripts|nodes|docs|examples|resources|bench|\.ci)\/[\w./-]*)/g
  return [...page.text.matchAll(named)]
    .map(([, path]) => path!)
    .filter(path => !path.includes('..') && !existsSync(path.replace(/[./]+$/, '')))
}
