'use strict';
'require baseclass';
'require fs';

// What the pages share: asking the gateway, and tables of its answers.
//
// Names of devices come from the LAN and from other domains. A string that is a child by itself is taken for HTML, one
// in an array for text: so every child here is in an array.

function text(value) {
	if (value === null || value === undefined || value === '')
		return '-';
	return Array.isArray(value) ? value.join(', ') || '-' : '' + value;
}

return baseclass.extend({
	// The answer of the running gateway to `status`, `devices`, `tunnels` or `wans`; null if it does not run.
	ask: function(what) {
		return fs.exec('/usr/bin/ntm-gateway', [ what, '--json' ]).then(function(result) {
			return result.code == 0 ? JSON.parse(result.stdout) : null;
		}).catch(function() {
			return null;
		});
	},

	text: text,

	// Columns are pairs of a heading and a function from a row to what stands there.
	table: function(columns, rows, none) {
		const table = E('table', { 'class': 'table' }, [
			E('tr', { 'class': 'tr table-titles' }, columns.map(function(column) {
				return E('th', { 'class': 'th' }, [ column[0] ]);
			}))
		]);
		(rows || []).forEach(function(row) {
			table.appendChild(E('tr', { 'class': 'tr' }, columns.map(function(column) {
				return E('td', { 'class': 'td', 'data-title': column[0] }, [ text(column[1](row)) ]);
			})));
		});
		if (!rows || rows.length == 0)
			table.appendChild(E('tr', { 'class': 'tr placeholder' }, [ E('td', { 'class': 'td' }, [ E('em', {}, [ none ]) ]) ]));
		return table;
	}
});
