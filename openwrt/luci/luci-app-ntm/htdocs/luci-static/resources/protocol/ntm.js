'use strict';
'require network';

// netifd's protocol `ntm` on LuCI's page of interfaces. It has no options: the settings are the gateway's.

return network.registerProtocol('ntm', {
	getI18n: function() {
		return _('NTM Gateway');
	},

	getIfname: function() {
		return this._ubus('l3_device') || 'ntm0';
	},

	getPackageName: function() {
		return 'ntm-proto';
	},

	isFloating: function() {
		return true;
	},

	isVirtual: function() {
		return true;
	},

	getDevices: function() {
		return null;
	},

	containsDevice: function(device) {
		return network.getIfnameOf(device) == this.getIfname();
	},

	renderFormOptions: function() {}
});
