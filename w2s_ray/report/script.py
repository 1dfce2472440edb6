"""The script of `report.html`: figures, sorting, filters, and tables copied as CSV or LaTeX."""

SCRIPT = r"""
document.querySelectorAll('[data-figure]').forEach(place => {
  const spec = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  place.textContent = '';
  const actions = {export: true, source: false, compiled: false, editor: false};
  vegaEmbed(place, spec, {renderer: 'svg', actions});
});

const value = cell => { const n = parseFloat(cell.textContent); return isNaN(n) ? null : n; };
const order = (x, y) => x === null || y === null ? (x === null) - (y === null) : y - x;
document.querySelectorAll('th').forEach(head => head.addEventListener('click', () => {
  const table = head.closest('table'), body = table.tBodies[0], at = head.cellIndex;
  const sign = head.getAttribute('aria-sort') === 'descending' ? -1 : 1;
  const numbers = head.classList.contains('n');
  const rows = [...body.rows].sort((a, b) => {
    if (!numbers) return -sign * b.cells[at].textContent.localeCompare(a.cells[at].textContent);
    const x = value(a.cells[at]), y = value(b.cells[at]);
    return x === null || y === null ? order(x, y) : sign * order(x, y);
  });
  table.querySelectorAll('th').forEach(each => each.removeAttribute('aria-sort'));
  head.setAttribute('aria-sort', sign > 0 ? 'descending' : 'ascending');
  body.append(...rows);
}));

const filters = [...document.querySelectorAll('[data-filter]')];
const narrow = () => {
  document.querySelectorAll('tbody tr').forEach(row => {
    row.hidden = filters.some(({value, dataset}) => {
      const its = row.dataset[dataset.filter];
      return value && its !== undefined && its !== value;
    });
  });
  const task = filters.find(each => each.dataset.filter === 'task' && each.value);
  const note = document.querySelector('.filters .note');
  if (note) note.textContent = task ? 'Rows over several tasks stay as they are.' : '';
};
filters.forEach(each => each.addEventListener('change', narrow));
narrow();

const grid = table => {
  const rows = [table.tHead.rows[0], ...[...table.tBodies[0].rows].filter(row => !row.hidden)];
  const kept = [...rows[0].cells].map((head, at) => head.textContent ? at : -1).filter(at => at >= 0);
  return rows.map(row => kept.map(at => row.cells[at].textContent.trim()));
};
const csv = table => grid(table).map(row => row.map(cell =>
  /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell).join(',')).join('\n') + '\n';
const TEX = {'\\': '\\textbackslash{}', '~': '\\textasciitilde{}', '^': '\\textasciicircum{}', '→': '$\\to$',
             '–': '--', '…': '\\ldots{}', '<': '$<$', '>': '$>$'};
const tex = cell => cell.replace(/[\\~^→–…<>]|[&%$#_{}]/g, sign => TEX[sign] || '\\' + sign);
const latex = table => {
  const kinds = [...table.tHead.rows[0].cells].filter(head => head.textContent)
    .map(head => head.classList.contains('n') ? 'r' : 'l');
  const [head, ...rows] = grid(table).map(row => row.map(tex).join(' & ') + ' \\\\');
  return [`\\begin{tabular}{${kinds.join('')}}`, '\\toprule', head, '\\midrule', ...rows, '\\bottomrule',
          '\\end{tabular}', ''].join('\n');
};
const copy = text => {
  const area = document.createElement('textarea');
  area.value = text; document.body.append(area); area.select();
  const done = document.execCommand('copy'); area.remove();
  return done ? Promise.resolve() : navigator.clipboard.writeText(text);
};
document.querySelectorAll('[data-copy]').forEach(button => button.addEventListener('click', () => {
  const kind = button.dataset.copy, table = button.closest('figure').querySelector('table');
  const say = words => { button.textContent = words; setTimeout(() => { button.textContent = kind; }, 1500); };
  copy((kind === 'CSV' ? csv : latex)(table)).then(() => say('copied'), () => say('refused'));
}));
"""
