'use strict';
'require view';
'require dom';
'require form';
'require poll';
'require ntm.gateway as gateway';

// The devices on the LAN, as the gateway knows them now, and those that always have the same address and name.

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
		const section = map.section(form.GridSection, 'device', _('Fixed devices'),
			_('A device that always has the same address and name.'));
		let option;

		section.anonymous = true;
		section.addremove = true;

		option = section.option(form.Value, 'mac', _('MAC address'));
		option.datatype = 'macaddr';
		option.rmempty = false;

		option = section.option(form.Value, 'address', _('LAN address'));
		option.datatype = 'ip4addr("nomask")';
		option.rmempty = false;

		option = section.option(form.Value, 'name', _('Name'));
		option.datatype = 'and(hostname,maxlength(63))';

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
