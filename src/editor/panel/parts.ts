import { type AdminApi, reasonOf, type Refusal } from '../admin-api.ts'
import type { Words } from '../policy-view.ts'
import type { JsonEditor } from './json-editor.ts'

/** What each part of a panel is given. */
export interface PanelParts {
  api: AdminApi
  words: Words
  rights: Rights
  openEditor(element: HTMLElement, o: { label: string; changed(): void }): JsonEditor
}

/** Whether the user may change what is shown; buttons that change something follow it. */
export interface Rights {
  readonly mayWrite: boolean
  /** Switches a button off while the user may not write. */
  follow(button: HTMLButtonElement): void
  /** The server has refused a change. */
  lost(): void
}

export function rightsOf({ root, mayWrite, hint }: { root: HTMLElement; mayWrite: boolean; hint: string }): Rights {
  let may = mayWrite
  const show = (one: HTMLButtonElement): void => {
    one.disabled = !may
    one.title = may ? '' : hint
  }
  return {
    get mayWrite() {
      return may
    },
    follow(one) {
      one.dataset.writes = ''
      show(one)
    },
    lost() {
      may = false
      root.querySelectorAll<HTMLButtonElement>('[data-writes]').forEach(show)
    },
  }
}

/** A refusal in words, its hint included. */
export function wordsOf(refusal: Refusal, words: Words): string {
  const reason = reasonOf(refusal)
  if (reason) return words(reason)
  const { message, hint, code } = refusal
  return `${message || code || refusal.status}${hint ? ` (${hint})` : ''}`
}
