// merge.mjs [PER_SECOND] - a service that takes so many messages a second, with a burst of as many, or
// one, and answers 429 with Retry-After beyond; without a number it takes all.
//
// Each request is a line of JSON, {"status":200,"lines":["…"]}, the lines being those of the message's
// text.  To /refuse it says 400, to /down 503.
import http from 'node:http';

const perSecond = Number(process.argv[2] ?? 0);
const burst = Math.max(perSecond, 1);
let tokens = burst;
let filled = performance.now();

function mayGo() {
    const now = performance.now();
    tokens = Math.min(burst, tokens + ((now - filled) / 1000) * perSecond);
    filled = now;
    if (perSecond && tokens < 1) return false;
    tokens -= 1;
    return true;
}

function statusOf(path) {
    if (path === '/refuse') return 400;
    if (path === '/down') return 503;
    return mayGo() ? 200 : 429;
}

const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
        const status = statusOf(request.url);
        const lines = JSON.parse(Buffer.concat(parts)).text.split('\n');
        if (status === 429) response.setHeader('Retry-After', '1');
        response.statusCode = status;
        console.log(JSON.stringify({status, lines}));
        response.end(status === 200 ? 'ok' : 'no');
    });
});
server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`));
