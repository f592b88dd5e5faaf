'use strict';
'require view';
'require dom';
'require fs';
'require poll';
'require uci';
'require ui';
'require ntm.gateway as gateway';

// The running gateway in one look, and the field for an enrolment code.

function load() {
	return Promise.all([ ask(), uci.load('ntm') ]).then(function(loaded) { return loaded[0] });
}

function ask() {
	return Promise.all([ gateway.ask('status'), gateway.ask('wans'), gateway.ask('tunnels') ]);
}

function facts(status) {
	const dc = status.dc || {};
	return [
		[ _('Name'), status.name ],
		[ _('Virtual address'), status.vip4 ],
		[ _('Coordinator'), [ dc.state, dc.address, dc.rtt_ms == null ? null : _('%.1f ms').format(dc.rtt_ms) ].filter(Boolean) ],
		[ _('Trusted domains'), status.domains ],
		[ _('Devices'), status.devices ],
		[ _('Tunnels'), status.tunnels ],
		[ _('Running for'), '%t'.format(status.uptime_s) ],
		[ _('Release'), status.update == null ? status.release : [ status.release, _('update to %s').format(status.update) ] ]
	];
}

function summary(status) {
	if (!status)
		return E('p', { 'class': 'alert-message warning' }, [
			_('The gateway is not running. Enrol it below, or look for its lines in the system log.')
		]);
	return E('table', { 'class': 'table' }, facts(status).map(function(fact) {
		return E('tr', { 'class': 'tr' }, [
			E('td', { 'class': 'td left', 'width': '33%' }, [ fact[0] ]),
			E('td', { 'class': 'td left' }, [ gateway.text(fact[1]) ])
		]);
	}));
}

// It answers to the router's address on the LAN, and not to a name that somebody else could have given it.
function page() {
	const settings = uci.sections('ntm', 'gateway')[0] || {};
	const host = window.location.hostname;
	if ([ '0', 'off', 'false', 'no', 'disabled' ].includes(settings.web))
		return '';
	const port = /^\d+$/.test(settings.web_port) ? settings.web_port : '4752';
	if (!/^\d+(\.\d+){3}$/.test(host))
		return E('p', {}, [ _('The gateway has a page of its own: port %s of this router\'s address on the LAN.').format(port) ]);
	return E('p', {}, [
		E('a', { 'href': 'http://' + host + ':' + port + '/', 'target': '_blank', 'rel': 'noreferrer noopener' }, [ _('The gateway\'s own page') ])
	]);
}

function wans(rows) {
	return gateway.table([
		[ _('Interface'), function(wan) { return wan.name } ],
		[ _('State'), function(wan) { return wan.state } ],
		[ _('Metered'), function(wan) { return wan.metered ? _('yes') : _('no') } ],
		[ _('Addresses'), function(wan) { return wan.addresses } ],
		[ _('Seen as'), function(wan) { return wan.observed } ]
	], rows, _('There is no way out.'));
}

function tunnels(rows) {
	return gateway.table([
		[ _('To'), function(tunnel) { return tunnel.peer } ],
		[ _('State'), function(tunnel) { return tunnel.state } ],
		[ _('Path'), function(tunnel) { return tunnel.path } ],
		[ _('Round trip'), function(tunnel) { return tunnel.rtt_ms == null ? null : _('%.1f ms').format(tunnel.rtt_ms) } ],
		[ _('Sent'), function(tunnel) { return '%1024mB'.format(tunnel.sent) } ],
		[ _('Received'), function(tunnel) { return '%1024mB'.format(tunnel.received) } ],
		[ _('Devices'), function(tunnel) { return tunnel.devices } ]
	], rows, _('There are no tunnels: they are made when a device looks for another one.'));
}

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load: load,

	enrol: function(field) {
		const code = field.value.replace(/\s+/g, '');
		if (!/^[A-Za-z0-9][A-Za-z0-9-]*$/.test(code)) {
			ui.addNotification(null, E('p', {}, [ _('This is no enrolment code.') ]), 'warning');
			return Promise.resolve();
		}
		return fs.exec('/etc/init.d/ntm-gateway', [ 'enrol', code ]).then(function(result) {
			const failed = result.code != 0;
			const said = (failed ? result.stderr : result.stdout) || '';
			ui.addNotification(null, E('p', {}, [ failed ? _('Not enrolled: %s').format(said) : _('The gateway is enrolled and starts.') ]),
				failed ? 'danger' : 'info');
			if (!failed)
				field.value = '';
		}).catch(function(error) {
			ui.addNotification(null, E('p', {}, [ _('Not enrolled: %s').format(error.message) ]), 'danger');
		});
	},

	show: function(parts, answers) {
		dom.content(parts.summary, [ summary(answers[0]) ]);
		dom.content(parts.wans, [ wans(answers[1]) ]);
		dom.content(parts.tunnels, [ tunnels(answers[2]) ]);
	},

	render: function(answers) {
		const parts = { summary: E('div'), wans: E('div'), tunnels: E('div') };
		const code = E('input', { 'class': 'cbi-input-text', 'type': 'text', 'placeholder': 'ntm1-…', 'autocomplete': 'off' });
		this.show(parts, answers);
		poll.add(L.bind(function() {
			return ask().then(L.bind(this.show, this, parts));
		}, this), 5);
		return E('div', {}, [
			E('h2', {}, [ _('NTM Gateway') ]),
			page(),
			parts.summary,
			E('h3', {}, [ _('Ways out') ]),
			parts.wans,
			E('h3', {}, [ _('Tunnels') ]),
			parts.tunnels,
			E('h3', {}, [ _('Enrol') ]),
			E('p', {}, [ _('Paste the code that the operator of the domain made for this router. It is good once.') ]),
			E('div', {}, [
				code,
				' ',
				E('button', { 'class': 'btn cbi-button cbi-button-apply', 'click': ui.createHandlerFn(this, 'enrol', code) }, [ _('Enrol') ])
			])
		]);
	}
});
