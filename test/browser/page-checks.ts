/** Runs inside the page: the texts below `root` that are an untranslated key of one of `sets`. */
export function untranslated({ root, sets }: { root: string; sets: string[] }): string[] {
  const key = new RegExp(`^(${sets.join('|')})(\\.[A-Za-z0-9_-]+)+$`)
  const found = new Set<string>()
  const look = (text: string | null) => {
    const trimmed = text?.trim() ?? ''
    if (key.test(trimmed)) found.add(trimmed)
  }
  for (const top of document.querySelectorAll(root)) {
    const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) look(walker.currentNode.textContent)
    for (const element of top.querySelectorAll('*'))
      for (const name of ['placeholder', 'title', 'aria-label']) look(element.getAttribute(name))
  }
  return [...found]
}

export interface Contrast {
  text: string
  ratio: number
}

/** Runs inside the page: the contrast of each visible piece of text below `root` to what lies behind it (WCAG 2 relative luminance), lowest first. */
export function contrasts(root: string): Contrast[] {
  type Colour = [number, number, number, number]
  const read = (css: string): Colour => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 })
    const context = canvas.getContext('2d', { willReadFrequently: true })!
    context.fillStyle = css
    context.fillRect(0, 0, 1, 1)
    const [r = 0, g = 0, b = 0, a = 0] = context.getImageData(0, 0, 1, 1).data
    return [r, g, b, a / 255]
  }
  const over = ([r, g, b, a]: Colour, [R, G, B]: Colour): Colour => [
    r * a + R * (1 - a),
    g * a + G * (1 - a),
    b * a + B * (1 - a),
    1,
  ]
  const behind = (element: Element): Colour => {
    const layers: Colour[] = []
    for (let at: Element | null = element; at; at = at.parentElement) {
      const colour = read(getComputedStyle(at).backgroundColor)
      if (colour[3] > 0) layers.push(colour)
      if (colour[3] === 1) break
    }
    return layers.reduceRight<Colour>((below, layer) => over(layer, below), [255, 255, 255, 1])
  }
  const luminance = (colour: Colour) => {
    const [r = 0, g = 0, b = 0] = colour.slice(0, 3).map(value => {
      const share = value / 255
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const out: Contrast[] = []
  for (const top of document.querySelectorAll(root))
    for (const element of top.querySelectorAll<HTMLElement>(
      'label, .form-tips, .form-row span, .form-row input, .form-row select, .form-row option, h1, h2, h3, h4, p',
    )) {
      const text = [...element.childNodes]
        .flatMap(node => (node.nodeType === Node.TEXT_NODE ? [node.textContent!.trim()] : []))
        .join(' ')
      const value = element instanceof HTMLInputElement ? element.value : ''
      if (!(text || value) || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue
      if (element instanceof HTMLInputElement && element.disabled) continue
      const ground = behind(element)
      const [light, dark] = [luminance(over(read(getComputedStyle(element).color), ground)), luminance(ground)].toSorted(
        (a, b) => b - a,
      ) as [number, number]
      out.push({ text: text || value, ratio: Number(((light + 0.05) / (dark + 0.05)).toFixed(2)) })
    }
  return out.toSorted((a, b) => a.ratio - b.ratio)
}
