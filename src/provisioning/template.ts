import {
  invalidTemplate,
  isCertificateParameter,
  isObject,
  readText,
  type Scope,
  type Table,
  type TextNode,
} from './template-expression.ts'
import { parseJson } from './template-json.ts'
import { type CertificateResource, type PolicyResource, readResources, type ThingResource } from './template-resources.ts'

/** A provisioning template as AWS IoT Core has them, checked. */
export interface Template {
  parameters: ReadonlyMap<string, { default?: string }>
  thing: ThingResource
  certificate?: CertificateResource
  policies: readonly PolicyResource[]
  deviceConfiguration: ReadonlyMap<string, TextNode>
  /** What it says and this hub does not do. */
  warnings: readonly string[]
}

const sections = ['Parameters', 'Mappings', 'Resources', 'DeviceConfiguration', 'Description', 'AWSTemplateFormatVersion']
const mostParameters = 100
const mostConfiguration = 50

/** Reads and checks a template, JSON text. PROV_TEMPLATE_INVALID; `position` is the offset in broken JSON, else the path of what is wrong. */
export function readTemplate(text: string): Template {
  const document = parseJson(text)
  if (!isObject(document)) throw invalidTemplate('', 'a JSON object is expected')
  for (const name of Object.keys(document))
    if (!sections.includes(name))
      throw invalidTemplate(name.slice(0, 80), `no such section; there are ${sections.slice(0, 4).join(', ')}`)
  const parameters = readParameters(document.Parameters ?? {})
  const scope: Scope = { parameters: new Set(parameters.keys()), mappings: readMappings(document.Mappings ?? {}) }
  const { thing, certificate, policies, warnings } = readResources(document.Resources, scope)
  return {
    parameters,
    thing,
    ...(certificate && { certificate }),
    policies,
    deviceConfiguration: readConfiguration(document.DeviceConfiguration ?? {}, scope),
    warnings,
  }
}

function readParameters(value: unknown): Template['parameters'] {
  const entries = entriesOf(value, 'Parameters')
  if (entries.length > mostParameters) throw invalidTemplate('Parameters', `more than ${mostParameters}`)
  return new Map(
    entries.map(([name, parameter]) => {
      const path = `Parameters.${name.slice(0, 80)}`
      if (!/^[A-Za-z0-9_.:-]{1,128}$/.test(name)) throw invalidTemplate(path, 'a name has 1 to 128 of A-Z a-z 0-9 _ . : -')
      if (name.startsWith('AWS::') && !isCertificateParameter(name))
        throw invalidTemplate(path, 'the hub has no value of that name')
      if (!isObject(parameter)) throw invalidTemplate(path, 'an object with a Type is expected')
      const { Type = 'String', Default, Description: _, ...more } = parameter
      if (Type !== 'String') throw invalidTemplate(`${path}.Type`, 'the one type is String')
      if (Default !== undefined && typeof Default !== 'string') throw invalidTemplate(`${path}.Default`, 'a string is expected')
      const [unknown] = Object.keys(more)
      if (unknown !== undefined) throw invalidTemplate(`${path}.${unknown.slice(0, 40)}`, 'a parameter has Type and Default')
      return [name, Default === undefined ? {} : { default: Default }]
    }),
  )
}

function readMappings(value: unknown): Scope['mappings'] {
  return new Map(
    entriesOf(value, 'Mappings').map(([name, rows]): [string, Table] => {
      const path = `Mappings.${name.slice(0, 80)}`
      const table = entriesOf(rows, path).map(([row, columns]) => {
        const cells = entriesOf(columns, `${path}.${row.slice(0, 80)}`)
        for (const [column, cell] of cells)
          if (typeof cell !== 'string' && !(Array.isArray(cell) && cell.every(item => typeof item === 'string')))
            throw invalidTemplate(
              `${path}.${row.slice(0, 80)}.${column.slice(0, 80)}`,
              'a string or a list of strings is expected',
            )
        return [row, new Map(cells as [string, string | string[]][])] as const
      })
      return [name, new Map(table)]
    }),
  )
}

function readConfiguration(value: unknown, scope: Scope): Template['deviceConfiguration'] {
  const entries = entriesOf(value, 'DeviceConfiguration')
  if (entries.length > mostConfiguration) throw invalidTemplate('DeviceConfiguration', `more than ${mostConfiguration}`)
  return new Map(entries.map(([name, text]) => [name, readText(text, `DeviceConfiguration.${name.slice(0, 80)}`, scope)]))
}

function entriesOf(value: unknown, path: string): [string, unknown][] {
  if (!isObject(value)) throw invalidTemplate(path, 'an object is expected')
  return Object.entries(value)
}
