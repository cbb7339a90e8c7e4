/** As wide as message and result want to stand side by side. */
const width = '700px'

/** Makes a dialog open wide, and lets it be narrow all the same. The editor measures the form once, before it shows it, and would keep that as the least. */
export function openWide(root: HTMLElement): { resized(): void } {
  root.style.width = width
  return {
    resized() {
      root.style.width = ''
      root.closest<HTMLElement>('.red-ui-tray-body')?.style.removeProperty('min-width')
    },
  }
}
