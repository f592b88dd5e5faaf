'use strict';
'require view';
'require dom';
'require form';
'require poll';
'require ntm.gateway as gateway';

// The devices on the LAN, as the gateway knows them now, and what their owner says of them.

function devices(rows) {
	return gateway.table([
		[ _('Name'), function(device) { return device.name } ],
		[ _('Online'), function(device) { return device.online ? _('yes') : _('no') } ],
		[ _('LAN address'), function(device) { return device.lan_address } ],
		[ _('Virtual IPv4'), function(device) { return device.vip4 } ],
		[ _('Virtual IPv6'), function(device) { return device.vip6 } ],
		[ _('MAC address'), function(device) { return device.mac } ]
	], rows, _('There are no devices yet: they appear when they ask for an address.'));
}

return view.extend({
	load: function() {
		return gateway.ask('devices');
	},

	render: function(rows) {
		const now = E('div', {}, [ devices(rows) ]);
		const map = new form.Map('ntm', _('Devices'),
			_('Each device of the LAN has a name and virtual addresses that never change, wherever this router is.'));
		const section = map.section(form.GridSection, 'device', _('Your devices'),
			_('What you want of a device: its name, a fixed address, or no identity at all.'));
		let option;

		section.anonymous = true;
		section.addremove = true;

		option = section.option(form.DynamicList, 'mac', _('MAC address'),
			_('A phone that changed its address keeps its identity if the new one is added behind the old one.'));
		option.datatype = 'macaddr';
		option.rmempty = false;

		option = section.option(form.Value, 'address', _('LAN address'));
		option.datatype = 'ip4addr("nomask")';
		option.placeholder = _('any');

		option = section.option(form.Value, 'name', _('Name'));
		option.datatype = 'and(hostname,maxlength(63))';

		option = section.option(form.Flag, 'identity', _('Identity'),
			_('Off: no name and no virtual addresses, and the coordinator does not know it.'));
		option.default = '1';

		option = section.option(form.Flag, 'keep', _('Remember'), _('It stays in the list while it is away.'));

		poll.add(function() {
			return gateway.ask('devices').then(function(rows) {
				dom.content(now, [ devices(rows) ]);
			});
		}, 5);
		return map.render().then(function(fixed) {
			return E('div', {}, [ E('h3', {}, [ _('On the LAN now') ]), now, fixed ]);
		});
	}
});
