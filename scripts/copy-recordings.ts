import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const wanted = ['seattle-weather.csv', 'seattle-weather-hourly-normals.csv']

interface Resource {
  path: string
  description: string
  sources?: { title: string; path: string }[]
  licenses?: { title: string; path: string }[]
}

/** Fills `folder`; throws when a data set or its licence is missing, so that nothing is shipped without attribution. */
export async function copyRecordings(folder: string): Promise<string[]> {
  // The package's exports hide its package.json; its entry point lies in build/.
  const root = dirname(dirname(createRequire(import.meta.url).resolve('vega-datasets')))
  const catalogue = JSON.parse(await readFile(join(root, 'datapackage.json'), 'utf8')) as {
    version: string
    resources: Resource[]
  }
  await mkdir(folder, { recursive: true })
  const parts = [
    '# Recordings\n\nReal measurements that the simulated devices replay, unchanged copies from the npm package ' +
      `[vega-datasets](https://github.com/vega/vega-datasets) ${catalogue.version}. Sources and licences as its catalogue states them:\n`,
  ]
  for (const path of wanted) {
    const found = catalogue.resources.find(resource => resource.path === path)
    if (!found?.sources?.length || !found.licenses?.length)
      throw new Error(`vega-datasets names no source or licence for ${path}`)
    await copyFile(join(root, 'data', path), join(folder, path))
    const link = (entries: { title: string; path: string }[]): string => entries.map(e => `[${e.title}](${e.path})`).join(', ')
    const about = found.description
      .replace(/\s+/g, ' ')
      .replaceAll('`/scripts/weather.py`', 'scripts/weather.py of vega-datasets')
      .trim()
    parts.push(`## ${path}\n\n${about}\n\n- Source: ${link(found.sources)}\n- Licence: ${link(found.licenses)}\n`)
  }
  await writeFile(join(folder, 'ATTRIBUTION.md'), parts.join('\n'))
  return wanted
}
