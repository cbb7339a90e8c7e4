import { awsHttp } from './aws/http.ts'
import { azureHttp } from './azure/http.ts'
import type { HttpDialect, HttpOperation, HttpRequest } from './http.ts'
import { plainHttp } from './plain/http.ts'

const dialects = [plainHttp, azureHttp, awsHttp] as const

/** The dialect whose path it is; `fault`: its path, but the request is wrong. */
export function readHttp(request: HttpRequest): { dialect: HttpDialect; operation?: HttpOperation; fault?: unknown } {
  for (const dialect of dialects) {
    try {
      const operation = dialect.read(request)
      if (operation) return { dialect, operation }
    } catch (fault) {
      return { dialect, fault }
    }
  }
  return { dialect: plainHttp }
}
