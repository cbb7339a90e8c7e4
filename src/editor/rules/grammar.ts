const sqlWords =
  'select|value|from|where|as|and|or|not|in|set|case|when|then|else|end|exists|foreach|do|incase|cast|true|false|null|undefined'
const conditionWords = 'and|or|not|true|false|null|undefined'

/** Both languages for Monaco's highlighter, in the kinds of words that its themes have readable colours for. */
export function grammarOf(language: 'sql' | 'condition'): object {
  const words = (language === 'sql' ? sqlWords : conditionWords).split('|')
  const word = language === 'sql' ? /[A-Za-z_$][\w$]*/ : /[A-Za-z_$][\w$-]*/
  return {
    defaultToken: '',
    tokenPostfix: '.loom',
    ignoreCase: true,
    words,
    tokenizer: {
      root: [
        [/(\.)([A-Za-z_$][\w$]*)/, ['delimiter', 'identifier']],
        [/[A-Za-z_]\w*(?=\s*\()/, { cases: { '@words': 'keyword', '@default': 'type' } }],
        [word, { cases: { '@words': 'keyword', '@default': 'identifier' } }],
        [/@\w+/, 'variable'],
        [/`[^`]*`/, 'identifier'],
        [/0x[0-9a-f]+|\d*\.?\d+([eE][-+]?\d+)?/, 'number'],
        [/'/, 'string', '@single'],
        [/"/, 'string', '@double'],
        [/[=<>!+\-*/%]+/, 'operator'],
        [/[()[\]{},]/, 'delimiter'],
      ],
      single: [
        [/\\./, 'string'],
        [/[^\\']+/, 'string'],
        [/'/, 'string', '@pop'],
      ],
      double: [
        [/\\./, 'string'],
        [/[^\\"]+/, 'string'],
        [/"/, 'string', '@pop'],
      ],
    },
  }
}

export const brackets = {
  brackets: [
    ['(', ')'],
    ['[', ']'],
    ['{', '}'],
  ],
  autoClosingPairs: [
    { open: '(', close: ')' },
    { open: '[', close: ']' },
    { open: "'", close: "'", notIn: ['string'] },
    { open: '"', close: '"', notIn: ['string'] },
  ],
}
