'use strict';
'require view';
'require form';
'require tools.widgets as widgets';

// /etc/config/ntm. What the gateway itself checks is checked there once more, and a fault is named in the system log.

function general(section) {
	let option;

	option = section.taboption('general', form.Flag, 'enabled', _('Enabled'),
		_('The gateway starts only when it is enrolled, too.'));
	option.rmempty = false;

	option = section.taboption('general', widgets.NetworkSelect, 'lan', _('LAN'), _('The network of the devices.'));
	option.default = 'lan';
	option.nocreate = true;

	option = section.taboption('general', form.ListValue, 'dhcp', _('Addresses of the devices'),
		_('Who gives the devices their addresses. If the gateway does, dnsmasq must not serve DHCP and DNS on the LAN.'));
	option.value('follow', _('dnsmasq or odhcpd'));
	option.value('server', _('the gateway'));
	option.value('off', _('nobody'));
	option.default = 'follow';

	option = section.taboption('general', form.Value, 'range', _('Range of addresses'));
	option.placeholder = '192.168.1.100-192.168.1.249';
	option.depends('dhcp', 'server');

	option = section.taboption('general', form.Value, 'lease_time', _('Lease time'));
	option.placeholder = '12h';
	option.depends('dhcp', 'server');

	option = section.taboption('general', form.DynamicList, 'dns', _('DNS servers'),
		_('Who is asked for ordinary names; without any, the servers of the way out.'));
	option.datatype = 'ipaddr("nomask")';
	option.depends('dhcp', 'server');

	option = section.taboption('general', form.Flag, 'bind_addresses', _('Addresses are bound to devices'),
		_('An address on the LAN is good only for the device that was given it.'));
	option.default = '1';
}

function advanced(section) {
	let option;

	option = section.taboption('advanced', form.Flag, 'masquerade', _('Own NAT'),
		_('OpenWrt\'s firewall has one already.'));

	option = section.taboption('advanced', form.Value, 'port', _('UDP port'));
	option.datatype = 'port';
	option.placeholder = '4750';

	option = section.taboption('advanced', form.Value, 'dns_port', _('DNS port'),
		_('Where dnsmasq asks the gateway for names.'));
	option.datatype = 'port';
	option.placeholder = '5354';
	option.depends('dhcp', 'follow');

	option = section.taboption('advanced', form.Flag, 'web', _('Page'),
		_('The gateway\'s own page, for the LAN only.'));
	option.default = '1';

	option = section.taboption('advanced', form.Value, 'web_port', _('Port of the page'));
	option.datatype = 'and(port,min(1024))';
	option.placeholder = '4752';
	option.depends('web', '1');

	option = section.taboption('advanced', form.Value, 'mtu', _('MTU'));
	option.datatype = 'range(1280,9000)';
	option.placeholder = '1440';

	option = section.taboption('advanced', form.Flag, 'aes', _('AES'),
		_('Where the processors of both ends have instructions for it.'));
	option.default = '1';

	option = section.taboption('advanced', form.ListValue, 'log_level', _('Log level'));
	[ 'error', 'warn', 'info', 'debug', 'trace' ].forEach(function(level) {
		option.value(level);
	});
	option.default = 'info';
}

function waysOut(map) {
	const section = map.section(form.GridSection, 'wan', _('Ways out'),
		_('Best first. Without any, every interface with a default route is used.'));
	let option;

	section.anonymous = true;
	section.addremove = true;
	section.sortable = true;

	option = section.option(widgets.NetworkSelect, 'network', _('Network'));
	option.nocreate = true;
	option.rmempty = false;

	option = section.option(form.Flag, 'metered', _('Metered'), _('Traffic costs money here.'));
	option.editable = true;

	option = section.option(form.Value, 'limit_mb', _('MB a month'),
		_('Both ways together. Who has reached it is used only if no other works, until the month ends (UTC). Empty: no limit.'));
	option.datatype = 'and(uinteger,range(1,100000000))';
	option.placeholder = '10000';
	option.editable = true;
}

function policies(map) {
	const section = map.section(form.GridSection, 'policy', _('Policies'),
		_('Who may begin something with whom. The first that matches decides; where none does, they may. Answers always pass.'));
	let option;

	section.anonymous = true;
	section.addremove = true;
	section.sortable = true;

	option = section.option(form.Flag, 'enabled', _('Enabled'));
	option.default = '1';
	option.editable = true;

	option = section.option(form.Value, 'from', _('From'),
		_('A device here, or the full name of a device, a gateway or a domain; empty: everybody.'));
	option.placeholder = '*';

	option = section.option(form.Value, 'to', _('To'));
	option.placeholder = '*';

	option = section.option(form.ListValue, 'action', _('Action'));
	option.value('allow', _('allow'));
	option.value('deny', _('deny'));
	option.default = 'deny';
	option.rmempty = false;
}

return view.extend({
	render: function() {
		const map = new form.Map('ntm', _('NTM Gateway'),
			_('A setting that is wrong is named in the system log, and those from before stay in force.'));
		const section = map.section(form.NamedSection, 'gateway', 'gateway');

		section.tab('general', _('General'));
		section.tab('advanced', _('Advanced'));
		general(section);
		advanced(section);
		waysOut(map);
		policies(map);
		return map.render();
	}
});
