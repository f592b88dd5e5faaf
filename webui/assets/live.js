// A file's text is put into the field that it is for.
(() => {
  'use strict';
  for (const file of document.querySelectorAll('input[data-into]')) {
    file.closest('[hidden]').hidden = false;
    file.addEventListener('change', async () => {
      const [chosen] = file.files;
      // Far longer than any that the gateway takes: some other file.
      if (chosen) document.getElementById(file.dataset.into).value = await chosen.slice(0, 1 << 17).text();
    });
  }
})();

// Keeps the page as it would be if it were loaded anew. Without this script, load it anew.
(() => {
  'use strict';
  const main = document.getElementById('main');
  const page = main && main.dataset.live;
  if (!page || !window.EventSource || !window.DOMParser) return;
  const lost = document.getElementById('lost');

  // Makes `old` like `now` and touches only what differs: what has the focus keeps it, what moves goes on moving.
  const become = (old, now) => {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== now.nodeValue) old.nodeValue = now.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) if (!now.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    inside(old, now);
  };
  // What a node is, and what about. One that comes or goes must not turn those behind it into one another, under somebody's hands.
  const what = (node) => node.nodeName + ' ' + (node.attributes ? node.dataset.key || node.getAttribute('action') || '' : '');
  const inside = (old, now) => {
    const before = Object.create(null);
    for (const node of old.childNodes) (before[what(node)] = before[what(node)] || []).push(node);
    const after = [...now.childNodes].map((node) => {
      const same = (before[what(node)] || []).shift();
      if (!same) return document.importNode(node, true);
      become(same, node);
      return same;
    });
    Object.values(before).flat().forEach((node) => node.remove());
    let at = old.firstChild;
    for (const node of after) {
      if (node === at) at = at.nextSibling;
      else old.insertBefore(node, at);
    }
  };
  const update = (page) => {
    const held = document.activeElement;
    // A document of its own, where nothing runs and nothing is loaded.
    inside(main, new DOMParser().parseFromString(page, 'text/html').body);
    // Who is moved loses the focus.
    if (held !== document.activeElement && held.isConnected) held.focus({ preventScroll: true });
  };

  let source;
  let again;
  const open = () => {
    clearTimeout(again);
    source = new EventSource('/live?page=' + encodeURIComponent(page));
    source.onopen = () => { lost.hidden = true; };
    source.onmessage = (event) => {
      lost.hidden = true;
      update(event.data);
    };
    source.addEventListener('over', () => location.reload());
    source.onerror = () => {
      lost.hidden = false;
      source.close();
      // Perhaps it has been started anew, and knows nobody any more.
      again = setTimeout(() => fetch('/api/v1/session').then((answer) => answer.json())
        .then((session) => (session.owner ? open() : location.reload()), retry), 1000);
    };
  };
  const retry = () => { again = setTimeout(() => source.onerror(), 500); };

  // A hidden page needs no news.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) { clearTimeout(again); source.close(); } else open();
  });
  window.addEventListener('pagehide', () => source.close());
  open();
})();
