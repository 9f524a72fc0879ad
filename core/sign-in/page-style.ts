/**
 * The look of sign-in's pages. It is inline, because these pages are there also where the configuration switches the
 * others off. Colours and type are those of `pages/style.css`; a test compares them.
 */

/** The style sheet of each page. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#f6f5f1, #14161a);
  --card: light-dark(#ffffff, #1c1f25);
  --ink: light-dark(#1c1d1f, #eceae4);
  --quiet: light-dark(#5f6065, #a3a5ac);
  --line: light-dark(#e3e1da, #2c3038);
  --edge: light-dark(#8a887f, #6d727d);
  --accent: light-dark(#1f6f54, #5cc79f);
  --on-accent: light-dark(#ffffff, #0d1512);
  font: 400 16px / 1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink) }
header, main { max-width: 34rem; margin: 0 auto; padding: 1rem }
header { display: flex; gap: .5rem; align-items: center; font-weight: 650; letter-spacing: -.01em }
header svg { width: 22px; height: 22px; color: var(--accent) }
h1 { margin: 1.25rem 0 1rem; font-size: clamp(1.6rem, 5vw, 2.1rem); font-weight: 680; letter-spacing: -.03em; line-height: 1.15 }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.5rem }
section > :first-child { margin-top: 0 }
section > :last-child { margin-bottom: 0 }
p, dl { margin: 0 0 1rem; overflow-wrap: anywhere }
dt { font-size: .8rem; color: var(--quiet) }
dd { margin: 0 0 .75rem; font-weight: 550; unicode-bidi: isolate }
strong { unicode-bidi: isolate }
a { color: var(--accent); text-underline-offset: .2em }
label { display: grid; gap: .25rem; margin-bottom: 1rem; font-size: .875rem; color: var(--quiet) }
input { font: inherit; font-size: 1rem; width: 100%; padding: .55rem .75rem; color: var(--ink); background: var(--paper); border: 1px solid var(--edge); border-radius: 10px }
input[name=user_code], input[name=code] { font: 600 1.3rem ui-monospace, "SF Mono", Menlo, Consolas, monospace; letter-spacing: .12em; text-transform: uppercase }
form { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0 }
form > label, form > p, form > dl { flex: 1 0 100%; margin: 0 }
button, a.button { flex: 1 1 9rem; display: inline-block; text-align: center; font: inherit; font-weight: 500; padding: .6rem .9rem; border: 1px solid var(--edge); border-radius: 10px; background: var(--card); color: var(--ink); text-decoration: none; cursor: pointer }
button.primary, a.button { background: var(--accent); border-color: var(--accent); color: var(--on-accent) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
`;
