const id = 'loom-panel-style'

/** Of the editor's own variables alone, so that every theme fits; from 180 px on. The secondary text colour of Node-RED 4 is too faint to be read. */
const css = `
.loom-panel { font-size: 14px; color: var(--red-ui-primary-text-color); }
.loom-panel [hidden] { display: none !important; }
.loom-panel section { margin-bottom: 16px; }
.loom-panel h4 { margin: 12px 0 6px; font-size: 15px; line-height: 1.3; overflow-wrap: anywhere; }
.loom-panel h5 { margin: 8px 0 4px; font-size: 13px; line-height: 1.3; overflow-wrap: anywhere; }
.loom-panel .loom-about { margin: 0 0 8px; font-size: 13px; }
.loom-panel .loom-rows { list-style: none; margin: 0 0 8px; padding: 0; max-height: 190px; overflow-y: auto;
  border: 1px solid var(--red-ui-form-input-border-color); border-radius: 4px; }
.loom-panel .loom-rows li + li { border-top: 1px solid var(--red-ui-secondary-border-color); }
.loom-panel .loom-row { display: flex; flex-wrap: wrap; gap: 2px 12px; width: 100%; padding: 6px 8px; border: 0; text-align: left;
  background: var(--red-ui-form-input-background); color: var(--red-ui-primary-text-color); cursor: pointer; }
.loom-panel .loom-row:hover { background: var(--red-ui-secondary-background-hover); }
.loom-panel .loom-row[aria-pressed=true] { background: var(--red-ui-secondary-background-selected);
  box-shadow: inset 3px 0 var(--red-ui-form-input-focus-color); }
.loom-panel .loom-row:focus-visible, .loom-panel button:focus-visible, .loom-panel summary:focus-visible
  { outline: 2px solid var(--red-ui-form-input-focus-color); outline-offset: -2px; }
.loom-panel .loom-row strong { flex: 1 1 100px; overflow-wrap: anywhere; }
.loom-panel .loom-row-about { flex: 2 1 120px; overflow-wrap: anywhere; }
.loom-panel .loom-row-time { flex: 1 1 100px; font-size: 13px; }
.loom-panel .loom-buttons { display: flex; flex-wrap: wrap; gap: 6px; margin: 8px 0; }
.loom-panel .loom-field { display: flex; flex-wrap: wrap; gap: 2px 8px; align-items: center; margin-bottom: 8px; }
.loom-panel .loom-field > label { flex: 0 0 110px; width: auto; margin: 0; }
.loom-panel .loom-field > input, .loom-panel .loom-field > select { flex: 1 1 150px; min-width: 0; width: auto; margin: 0; box-sizing: border-box; }
.loom-panel .loom-check { display: block; width: auto; margin: 8px 0; }
.loom-panel .loom-check input { width: auto; margin: 0; vertical-align: baseline; }
.loom-panel .loom-code { height: 260px; min-width: 0; }
.loom-panel .loom-code .red-ui-editor-text-container { box-sizing: border-box; }
.loom-panel .loom-message { display: none; gap: 6px; align-items: baseline; flex-wrap: wrap; margin: 6px 0; overflow-wrap: anywhere; }
.loom-panel .loom-message[data-state] { display: flex; }
.loom-panel .loom-message > span { flex: 1 1 120px; min-width: 0; }
.loom-panel .loom-message[data-state=ok] > i { color: var(--red-ui-text-color-success); }
.loom-panel .loom-message[data-state=error] > i { color: var(--red-ui-text-color-error); }
.loom-panel .loom-chips { display: flex; flex-wrap: wrap; gap: 6px; list-style: none; margin: 0 0 8px; padding: 0; }
.loom-panel .loom-chips li { display: flex; gap: 6px; align-items: center; padding: 2px 2px 2px 8px; overflow-wrap: anywhere;
  border: 1px solid var(--red-ui-form-input-border-color); border-radius: 4px; }
.loom-panel .loom-chips button { border: 0; padding: 0 8px; height: 26px; line-height: 26px; background: none; }
.loom-panel .loom-chips li.loom-none { border: 0; padding: 2px 0; }
.loom-panel .loom-none { font-style: italic; }
.loom-panel pre { margin: 0; padding: 8px; font-size: 12px; white-space: pre-wrap; overflow-wrap: anywhere; border-radius: 4px;
  color: var(--red-ui-form-text-color); background: var(--red-ui-form-input-background); border: 1px solid var(--red-ui-form-input-border-color); }
.loom-panel dl { display: flex; flex-wrap: wrap; gap: 0 12px; margin: 0; }
.loom-panel dt { flex: 0 0 100%; font-weight: normal; font-family: var(--red-ui-monospace-font); font-size: 12px; overflow-wrap: anywhere; }
.loom-panel dd { flex: 1 1 100%; margin: 0 0 4px 12px; overflow-wrap: anywhere; }
.loom-panel .loom-found { margin: 0 0 8px 18px; overflow-wrap: anywhere; }
.loom-panel details { margin-bottom: 8px; }
`

/** Once for all panels of the page. */
export function usePanelStyle(): void {
  if (document.getElementById(id)) return
  const style = document.createElement('style')
  style.id = id
  style.textContent = css
  document.head.append(style)
}
