// The stand-in's own page: its switches, for people.

const button = (action, label, fields = "") =>
  `<form method="post" action="/control/${action}"><input type="hidden" name="return" value="/">${fields}<button>${label}</button></form>`;
const hidden = (name, value) => `<input type="hidden" name="${name}" value="${value}">`;

export function controlPage() {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Stand-in for Spotify</title>
<style>
  :root { color-scheme: dark; }
  body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
  form { display: flex; gap: .5rem; margin: .5rem 0; }
  button, input { font: inherit; padding: .3rem .8rem; border-radius: .5rem; border: 1px solid #667; }
  input[type=number] { width: 7rem; }
  pre { padding: 1rem; background: #222; border-radius: .5rem; }
</style>
<h1>Stand-in for Spotify</h1>
<p>A server on this machine that speaks Spotify's HTTP interface to Videomi's origin. Its artists do not exist.
<h2>Switches</h2>
${button("revoke", "Revoke all tokens", hidden("account", "listener"))}
${button("expire", "Expire the access tokens", hidden("account", "listener"))}
${button("account", "Set the number of artists", hidden("account", "listener") + '<input type="number" name="artists" value="10000" min="0" max="10000">')}
${button("latency", "Answer slower, in ms", '<input type="number" name="ms" value="500" min="0" max="60000">')}
${button("fail", "Limit the next 50 calls (429)", hidden("retry_after", 60) + hidden("times", 50))}
${button("fail", "Fail the next 50 calls (503)", hidden("status", 503) + hidden("times", 50))}
${button("fail", "Hang the next 5 calls", hidden("how", "hang") + hidden("times", 5))}
${button("reset", "As at the start")}
<p><a href="/control/calls">Calls so far</a>
`;
}
