const id = 'loom-rules-style'

/** Beside the style of all panels; columns where there is room for them. */
const css = `
.loom-rules { container-type: inline-size; }
.loom-rules .red-ui-editableList-container { padding: 0; max-height: 216px; }
.loom-rules .loom-rule-list > li { padding: 0; border: 0; background: none; }
.loom-rules .loom-rule-list > li + li { border-top: 1px solid var(--red-ui-secondary-border-color); }
.loom-rules [data-rule] { display: flex; align-items: center; gap: 8px; padding: 0 4px 0 8px; }
.loom-rules [data-rule] > input { flex: none; width: auto; margin: 0; }
.loom-rules [data-off=true] strong, .loom-rules [data-off=true] code { text-decoration: line-through; }
.loom-rules .loom-grip { flex: none; cursor: grab; padding: 6px 2px; color: var(--red-ui-secondary-text-color); }
.loom-rules .loom-rule-open { display: flex; flex-wrap: wrap; gap: 2px 10px; align-items: baseline; flex: 1 1 auto; min-width: 0;
  padding: 6px 8px; border: 0; text-align: left; background: none; color: var(--red-ui-primary-text-color); cursor: pointer; font: inherit; }
.loom-rules .loom-rule-open:hover { background: var(--red-ui-secondary-background-hover); }
.loom-rules .loom-rule-open:focus-visible, .loom-rules .loom-place:focus-visible { outline: 2px solid var(--red-ui-form-input-focus-color); outline-offset: -2px; }
.loom-rules .loom-rule-open[aria-pressed=true] { background: var(--red-ui-secondary-background-selected); box-shadow: inset 3px 0 var(--red-ui-form-input-focus-color); }
.loom-rules .loom-rule-open > i { flex: none; width: 14px; text-align: center; }
.loom-rules .loom-rule-open strong { overflow-wrap: anywhere; }
.loom-rules .loom-rule-open code { flex: 1 1 120px; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.loom-rules code { padding: 0; border: 0; background: none; color: inherit; font-size: 12px; white-space: pre-wrap; overflow-wrap: anywhere; }
.loom-rules .loom-rule-counts { font-size: 12px; font-variant-numeric: tabular-nums; }
.loom-rules .loom-rule-counts:empty { display: none; }
.loom-rules [data-state=check], .loom-rules [data-value=true] > i { color: var(--red-ui-text-color-success); }
.loom-rules [data-state=exclamation-circle], .loom-rules [data-kind=error] > i, .loom-rules [data-value=error] > i { color: var(--red-ui-text-color-error); }
.loom-rules [data-state=exclamation-triangle], .loom-rules [data-kind=warning] > i, .loom-rules [data-value=undefined] > i { color: var(--red-ui-text-color-warning); }
.loom-rules [data-rule] .red-ui-button { border: 0; background: none; height: 26px; line-height: 26px; padding: 0 8px; }
.loom-rules .loom-empty { margin: 8px 0; padding: 16px; text-align: center; border: 1px dashed var(--red-ui-form-input-border-color); border-radius: 4px; }
.loom-rules .loom-rule-detail { margin: 12px 0; }
.loom-rules .loom-side { display: grid; gap: 0 16px; }
.loom-rules .loom-name-fault { flex: 1 0 100%; font-size: 13px; color: var(--red-ui-text-color-error); }
.loom-rules .loom-name-fault:empty { display: none; }
.loom-rules .loom-rule-code { height: 116px; min-height: 64px; margin-bottom: 8px; resize: vertical; overflow: hidden; }
.loom-rules .loom-rule-code .red-ui-editor-text-container, .loom-rules .loom-payload .red-ui-editor-text-container { box-sizing: border-box; }
.loom-rules .loom-payload { height: 132px; min-height: 64px; margin-bottom: 8px; resize: vertical; overflow: hidden; }
.loom-rules textarea { box-sizing: border-box; width: 100%; min-width: 0; margin: 0; resize: vertical; font-family: var(--red-ui-monospace-font); font-size: 12px; }
.loom-rules .loom-try-form > textarea { margin-bottom: 8px; }
.loom-rules .loom-field > textarea { flex: 1 1 150px; width: auto; }
.loom-rules .loom-problems, .loom-rules .loom-conjuncts { list-style: none; margin: 0 0 8px; padding: 0; }
.loom-rules .loom-problems:empty, .loom-rules .loom-conjuncts:empty { display: none; }
.loom-rules .loom-problems li { display: flex; flex-wrap: wrap; gap: 2px 8px; align-items: baseline; padding: 2px 0; }
.loom-rules .loom-problems li > span { flex: 1 1 160px; min-width: 0; overflow-wrap: anywhere; }
.loom-rules .loom-place { border: 0; padding: 0 4px; background: none; font: inherit; font-size: 12px; color: var(--red-ui-text-color-link); text-decoration: underline; cursor: pointer; }
.loom-rules .loom-try { display: grid; gap: 12px 20px; padding-top: 8px; border-top: 1px solid var(--red-ui-secondary-border-color); }
.loom-rules .loom-try > div { min-width: 0; }
.loom-rules .loom-conjuncts { border: 1px solid var(--red-ui-form-input-border-color); border-radius: 4px; }
.loom-rules .loom-conjuncts li { display: flex; flex-wrap: wrap; gap: 2px 8px; align-items: baseline; padding: 5px 8px; }
.loom-rules .loom-conjuncts li + li { border-top: 1px solid var(--red-ui-secondary-border-color); }
.loom-rules .loom-conjuncts li > i { flex: none; width: 14px; text-align: center; }
.loom-rules .loom-conjuncts code { flex: 1 1 100px; min-width: 0; }
.loom-rules .loom-reads { box-sizing: border-box; flex: 1 1 100%; min-width: 0; display: flex; flex-wrap: wrap; gap: 0 14px; padding-left: 22px; font-size: 12px; overflow-wrap: anywhere; }
.loom-rules .loom-verdict { font-weight: bold; }
.loom-rules .loom-wrong { color: var(--red-ui-text-color-error); }
.loom-rules .loom-answer { display: grid; gap: 2px; margin-bottom: 6px; }
.loom-rules .loom-answer label, .loom-rules .loom-import label { width: auto; margin: 0; }
.loom-rules .loom-answer input { width: 100%; box-sizing: border-box; margin: 0; }
.loom-rules pre { max-height: 260px; overflow: auto; }
.loom-rules .loom-import { padding: 8px 12px; border: 1px solid var(--red-ui-form-input-border-color); border-radius: 4px; }
.loom-rules .loom-import input[type=file] { width: 100%; margin-bottom: 8px; }
.loom-rules .loom-report ul { margin: 0 0 8px 18px; }
.form-row .loom-outputs { display: flex; flex-wrap: wrap; gap: 6px; list-style: none; margin: 0; padding: 0; }
.loom-outputs li { padding: 2px 10px; border: 1px solid var(--red-ui-form-input-border-color); border-radius: 12px; overflow-wrap: anywhere; }
.loom-outputs li.loom-none { border: 0; padding: 2px 0; font-style: italic; }
@container (min-width: 560px) {
  .loom-rules .loom-side { grid-template-columns: 1fr 1fr; }
}
@container (min-width: 620px) {
  .loom-rules .loom-try { grid-template: 'message result' / 1fr 1fr; }
  .loom-rules .loom-try-form { grid-area: message; }
  .loom-rules .loom-try-result { grid-area: result; }
  .loom-rules .loom-try-form .loom-field > label { flex-basis: 96px; }
}
`

/** Once for all panels of the page. */
export function useRulesStyle(): void {
  if (document.getElementById(id)) return
  const style = document.createElement('style')
  style.id = id
  style.textContent = css
  document.head.append(style)
}
