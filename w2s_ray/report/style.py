"""The stylesheet of `report.html`."""

CSS = """
:root {
  --ink:#1a1a1a; --soft:#5a5a5a; --line:#dcdcdc; --page:#f6f6f4; --card:#fff; --accent:#0072B2;
  --warn:#B34700;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ink:#ececec; --soft:#a8a8a8; --line:#3a3a3a; --page:#151515; --card:#202020; --accent:#56B4E9;
    --warn:#E69F00;
  }
  :root { color-scheme: dark; }
}
* { box-sizing: border-box; }
body {
  margin:0; background:var(--page); color:var(--ink);
  font:15px/1.5 system-ui, 'Segoe UI', Helvetica, Arial, sans-serif;
}
main { max-width:1320px; margin:0 auto; padding:28px 20px 60px; }
h1 { font-size:15px; font-weight:600; color:var(--soft); margin:0 0 10px; overflow-wrap:anywhere; }
h2 { font-size:18px; margin:36px 0 10px; }
.headline { font-size:27px; line-height:1.3; font-weight:600; margin:0 0 8px; max-width:32em; }
.headline { overflow-wrap:anywhere; }
.note { color:var(--soft); max-width:58em; margin:4px 0; }
.warn { color:var(--warn); font-weight:600; }
.card {
  background:var(--card); border:1px solid var(--line); border-radius:8px; padding:10px 16px 14px;
  overflow-x:auto;
}
.figures { display:flex; flex-wrap:wrap; gap:16px; align-items:flex-start; }
.figures .card { background:#fff; max-width:100%; }
section { margin-top:36px; }
section h2 { margin-top:0; }
figure.table { margin:0 0 10px; }
figcaption { display:flex; justify-content:space-between; align-items:baseline; gap:12px; }
h3 { font-size:14px; font-weight:600; margin:14px 0 2px; }
.copy { font-size:12px; color:var(--soft); white-space:nowrap; }
button, select {
  font:inherit; color:var(--ink); background:var(--page); border:1px solid var(--line); border-radius:5px;
}
button { font-size:12px; padding:0 7px; margin-left:4px; cursor:pointer; }
select { padding:2px 4px; max-width:16em; }
button:hover, select:hover { border-color:var(--accent); }
.filters {
  position:sticky; top:0; z-index:2; display:flex; flex-wrap:wrap; gap:6px 18px; align-items:baseline;
  margin:20px 0 -20px; padding:8px 0; background:var(--page); border-bottom:1px solid var(--line);
  font-size:14px; color:var(--soft);
}
.scroll { overflow:auto; max-height:70vh; }
.scroll thead th { position:sticky; top:0; background:var(--card); box-shadow:0 1px var(--line); }
summary { cursor:pointer; font-size:14px; font-weight:600; margin-top:10px; }
.soft { color:var(--soft); }
[title] { cursor:help; }
th[aria-sort]::after { content:' ▾'; }
th[aria-sort=ascending]::after { content:' ▴'; }
[hidden] { display:none; }
table { border-collapse:collapse; font-variant-numeric:tabular-nums; width:100%; font-size:14px; }
th, td { text-align:left; padding:5px 7px; border-bottom:1px solid var(--line); vertical-align:top; }
tr:last-child td { border-bottom:0; }
th { font-weight:600; color:var(--soft); font-size:13px; vertical-align:bottom; cursor:pointer; }
th.n, td.n { text-align:right; }
td { white-space:nowrap; }
table + .note { margin-top:10px; }
td.long { white-space:normal; overflow-wrap:anywhere; min-width:20em; }
tr.best td { font-weight:600; }
.bar {
  position:relative; display:inline-block; width:90px; height:10px; background:var(--line); border-radius:2px;
}
.bar i { position:absolute; top:0; bottom:0; background:var(--accent); opacity:.5; }
.bar b { position:absolute; top:-3px; width:3px; height:16px; background:var(--ink); }
@media print {
  body { background:#fff; font-size:12px; }
  @page { size:A4 landscape; margin:12mm; }
  main { max-width:none; padding:0; }
  .headline { font-size:22px; }
  section { margin-top:18px; }
  h2, h3, figcaption { break-after:avoid; }
  figure.table { margin:0 0 6px; }
  table { font-size:10.5px; }
  th { font-size:10.5px; }
  td, th { padding:2px 5px; }
  td.long { min-width:12em; }
  tr { break-inside:avoid; }
  .card { border:0; padding:4px 0; overflow:visible; }
  .figures { display:block; }
  .figures .card { display:inline-block; vertical-align:top; break-inside:avoid; }
  .filters, .copy, .vega-embed summary { display:none; }
  .scroll { overflow:visible; max-height:none; }
  .scroll thead th { position:static; box-shadow:none; }
}
"""
