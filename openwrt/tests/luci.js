// The LuCI pages in a LuCI of ours: each is loaded and rendered, with answers of the gateway that try to be HTML.
// Prints how many checks it made. Usage: node luci.js FOLDER-OF-THE-APP
'use strict';

const fs = require('fs');
const path = require('path');
const assert = require('assert');

const app = process.argv[2];
const resources = path.join(app, 'htdocs/luci-static/resources');
const HOSTILE = '<img src=x onerror=alert(1)>';
let checks = 0;
let answers = {};
let called = [];
let notices = [];
let options = [];
let gatewaySettings = {};
let hostname = '192.168.1.1';

// --- the DOM, as far as it goes; as LuCI does, it takes a string that is a child by itself for HTML

class Node {
	constructor(tag, attributes) { this.tag = tag; this.attributes = attributes || {}; this.children = []; this.value = ''; }
	appendChild(child) {
		assert(child instanceof Node || typeof child == 'string', 'a child of the kind ' + typeof child);
		this.children.push(child);
	}
	get text() { return this.children.map(child => child.text === undefined ? child : child.text).join(' '); }
	find(tag) { return this.children.flatMap(c => c instanceof Node ? (c.tag == tag ? [ c ] : []).concat(c.find(tag)) : []); }
}

function append(node, children) {
	if (Array.isArray(children)) {
		children.forEach(child => {
			if (child !== null && child !== undefined)
				node.appendChild(child instanceof Node ? child : '' + child);
		});
	} else if (children instanceof Node) {
		node.appendChild(children);
	} else if (children !== null && children !== undefined) {
		assert.fail('this would be HTML: ' + children);
	}
	return node;
}

const E = (tag, attributes, children) => {
	assert(/^[a-z0-9]+$/.test(tag), 'no tag: ' + tag);
	if (Array.isArray(attributes) || attributes instanceof Node || typeof attributes == 'string')
		[ attributes, children ] = [ {}, attributes ];
	return append(new Node(tag, attributes), children);
};

// --- LuCI's modules, as far as the pages use them; whatever else they touch is undefined and fails

// What is in ntm.config alone.
const BY_HAND = [ 'gateway.leases', 'gateway.interface', 'gateway.table', 'gateway.mark', 'gateway.offload', 'gateway.memory',
	'gateway.resend', 'gateway.hold', 'gateway.idle', 'gateway.outage', 'wan.device', 'wan.enabled' ];

const KNOWN_TYPES = /^(macaddr|port|hostname|uciname|ip4addr\("nomask"\)|ipaddr\("nomask"\)|range\(\d+,\d+\)|maxlength\(\d+\)|and\(.*\))$/;
const Value = class Value {}, Flag = class Flag {}, ListValue = class ListValue {}, DynamicList = class DynamicList {};
const NetworkSelect = class NetworkSelect {};
const GridSection = class GridSection {}, NamedSection = class NamedSection {};

function section(kind, type) {
	const option = (widget, name, title) => {
		assert([ Value, Flag, ListValue, DynamicList, NetworkSelect ].includes(widget), 'no widget for ' + name);
		assert(title, 'no title for ' + name);
		const made = { section: type, name, widget, values: [], value(v) { this.values.push(v); }, depends() {} };
		options.push(made);
		return made;
	};
	const tabs = [];
	return { option, tab: name => tabs.push(name), taboption: (tab, ...rest) => { assert(tabs.includes(tab)); return option(...rest); } };
}

const modules = {
	'view': { extend: methods => Object.assign(Object.create({ handleSave() {}, handleSaveApply() {}, handleReset() {} }), methods) },
	'baseclass': { extend: methods => methods },
	'dom': { content: (node, children) => { node.children = []; append(node, children); } },
	'poll': { add: (callback, seconds) => { assert(seconds >= 1); modules.poll.callback = callback; } },
	'fs': { exec: (program, words) => {
		called.push([ program, ...words ].join(' '));
		const answer = answers[words[0]];
		return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer || { code: 1, stdout: '', stderr: 'does not run' });
	} },
	'ui': {
		addNotification: (title, node, kind) => { assert(node instanceof Node); notices.push([ kind, node.text ]); },
		createHandlerFn: (self, name, ...words) => { assert(typeof self[name] == 'function'); return () => self[name](...words); }
	},
	'form': {
		Value, Flag, ListValue, DynamicList, GridSection, NamedSection,
		Map: class { section(kind, ...words) { return section(kind, kind === NamedSection ? words[1] : words[0]); } render() { return Promise.resolve(new Node('form')); } }
	},
	'network': { registerProtocol: (name, methods) => Object.assign({ name, _ubus: what => what == 'l3_device' ? 'ntm7' : undefined }, methods),
		getIfnameOf: device => device.name },
	'uci': { load: name => { assert(name == 'ntm'); return Promise.resolve(); }, sections: (name, type) => type == 'gateway' ? [ gatewaySettings ] : [] },
	'tools.widgets': { NetworkSelect }
};

String.prototype.format = function(...words) {
	return this.replace(/%(\.\d+f|1024mB|[std])/g, (all, kind) => {
		const word = words.shift();
		return kind[0] == '.' ? Number(word).toFixed(1) : '' + word;
	});
};

function load(file) {
	const source = fs.readFileSync(file, 'utf8');
	const names = [], given = [];
	for (const [ , name, , as ] of source.matchAll(/^'require ([a-z.]+)( as ([a-z]+))?';$/gm)) {
		names.push(as || name);
		given.push(name == 'ntm.gateway' ? load(path.join(resources, 'ntm/gateway.js')) : modules[name]);
		assert(given[given.length - 1], 'no module ' + name);
	}
	const L = { bind: (method, self, ...words) => method.bind(self, ...words) };
	return new Function('E', '_', 'L', 'window', ...names, source)(E, text => text, L, { location: { hostname } }, ...given);
}

const check = (good, what) => { checks++; assert(good, what); };
const json = value => ({ code: 0, stdout: JSON.stringify(value), stderr: '' });
const page = name => load(path.join(resources, 'view/ntm', name + '.js'));
const pageText = async name => { const view = page(name); return (await view.render(view.load ? await view.load() : undefined)).text; };

async function main() {
	// Nothing runs.
	check((await pageText('status')).includes('not running'), 'says that nothing runs');
	check((await pageText('devices')).includes('no devices yet'), 'says that there are no devices');
	answers = { status: new Error('not allowed'), wans: { code: 0, stdout: 'nonsense' } };
	check((await pageText('status')).includes('not running'), 'takes a refusal for silence');

	answers = {
		status: json({ name: HOSTILE, domain: 'ntm.example', vip4: '198.18.0.1', domains: [ 'b.test', HOSTILE ], devices: 2, tunnels: 1, uptime_s: 5,
			dc: { state: 'registered', address: '203.0.113.10:4750', observed: null, rtt_ms: 12.34 } }),
		wans: json([ { number: 0, name: 'eth1', state: 'active', metered: true, addresses: [ '192.0.2.1:4750', HOSTILE ], observed: [] } ]),
		tunnels: json([ { peer: HOSTILE, state: 'up', path: 'relay', rtt_ms: null, sent: 1, received: 2, devices: [ HOSTILE ] } ]),
		devices: json([ { name: HOSTILE, mac: HOSTILE, lan_address: '192.168.1.20', vip4: '198.18.0.2', vip6: '', online: true } ])
	};
	const status = await pageText('status');
	for (const part of [ 'b.test, ' + HOSTILE, 'registered, 203.0.113.10:4750, 12.3 ms', '192.0.2.1:4750, ' + HOSTILE, 'relay', 'yes' ])
		check(status.includes(part), 'the status has ' + part);
	check((await pageText('devices')).includes(HOSTILE), 'the devices have names');
	for (const command of called)
		check(/^\/usr\/bin\/ntm-gateway (status|devices|tunnels|wans) --json$/.test(command), 'asks only what it may: ' + command);

	// The pages go on asking.
	const view = page('status');
	const root = await view.render(await view.load());
	answers.status = json({ name: 'car.ntm.example', uptime_s: 6 });
	await modules.poll.callback();
	check(root.text.includes('car.ntm.example'), 'shows what is new');

	// The link to the gateway's own page.
	for (const [ host, settings, href, text ] of [
		[ '192.168.1.1', {}, 'http://192.168.1.1:4752/', 'own page' ],
		[ '10.0.0.1', { web: '1', web_port: '8080' }, 'http://10.0.0.1:8080/', 'own page' ],
		[ '192.168.1.1', { web_port: '1/../' }, 'http://192.168.1.1:4752/', 'own page' ],
		[ 'router.lan', { web_port: '8080' }, undefined, 'port 8080' ],
		[ '192.168.1.1', { web: '0' }, undefined, '' ]
	]) {
		hostname = host, gatewaySettings = settings;
		const view = page('status'), drawn = await view.render(await view.load()), link = drawn.find('a')[0];
		check((link && link.attributes.href) === href && drawn.text.includes(text), 'the page at ' + host + ': ' + drawn.text);
		check(href || text || !drawn.text.includes('page'), 'no word of a page that is off');
	}

	// Enrolment.
	const field = root.find('input')[0], button = root.find('button')[0];
	for (const [ typed, answer, kind, part, command ] of [
		[ '', json(''), 'warning', 'no enrolment code', null ],
		[ '--dir /x', json(''), 'warning', 'no enrolment code', null ],
		[ 'ntm1-AB\n  CD ', { code: 1, stdout: '', stderr: HOSTILE }, 'danger', HOSTILE, '/etc/init.d/ntm-gateway enrol ntm1-ABCD' ],
		[ 'ntm1-ABCD', new Error('timed out'), 'danger', 'timed out', '/etc/init.d/ntm-gateway enrol ntm1-ABCD' ],
		[ 'ntm1-ABCD', { code: 0, stdout: 'fine' }, 'info', 'enrolled', '/etc/init.d/ntm-gateway enrol ntm1-ABCD' ]
	]) {
		called = [], notices = [], answers.enrol = answer, field.value = typed;
		await button.attributes.click();
		check(notices.length == 1 && notices[0][0] == kind && notices[0][1].includes(part), 'says ' + part + ': ' + notices);
		check((called[0] || null) === command, 'runs ' + command + ': ' + called);
	}
	check(field.value == '', 'a code that was good is not left there');

	// What the forms write, the configuration has; and what it has, they show, but for what needs more than a form.
	options = [];
	await pageText('settings');
	await pageText('devices');
	const written = fs.readFileSync(path.join(app, '../../net/ntm/files/ntm.config'), 'utf8');
	const known = {};
	let type;
	for (const line of written.split('\n')) {
		const words = line.match(/^\s*#?\s*(config|option|list) ([a-z0-9_]+)/);
		if (words && words[1] == 'config') type = words[2];
		else if (words) known[type + '.' + words[2]] = true;
	}
	for (const option of options) {
		check(known[option.section + '.' + option.name], 'ntm.config has ' + option.section + '.' + option.name);
		check(!option.datatype || KNOWN_TYPES.test(option.datatype), 'a datatype of LuCI: ' + option.datatype);
	}
	check(options.length >= 18, 'options: ' + options.length);
	const shown = options.map(option => option.section + '.' + option.name);
	for (const option of Object.keys(known))
		check(shown.includes(option) != BY_HAND.includes(option), 'shown, or kept for who edits the file: ' + option);
	for (const option of BY_HAND)
		check(known[option], 'ntm.config has ' + option);

	// netifd's protocol.
	const protocol = load(path.join(resources, 'protocol/ntm.js'));
	check(protocol.name == 'ntm' && protocol.getIfname() == 'ntm7' && protocol.isVirtual(), 'the protocol');
	check(protocol.containsDevice({ name: 'ntm7' }) && !protocol.containsDevice({ name: 'eth0' }), "the protocol's device");
	check(fs.existsSync(path.join(app, '../../net/ntm/files/ntm.proto.sh')), "netifd's side of it");
	console.log(checks);
}

main().catch(error => { console.error(error.message || error); process.exit(1); });
