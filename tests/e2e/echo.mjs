// echo.mjs - a receiver that answers with all that it was sent: the head's lines, then the body.
import { createServer } from 'node:http';

const server = createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
        let head = `${req.method} ${req.url}\n`;
        for (let i = 0; i < req.rawHeaders.length; i += 2)
            head += `${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}\n`;
        res.statusCode = Number(req.headers['x-answer'] ?? process.argv[2] ?? 200);
        res.setHeader('Content-Type', 'text/plain');
        res.setHeader('X-Request-Id', 'echo-1');
        res.setHeader('Set-Cookie', 'session=1');
        res.setHeader('Location', `/?token=${req.headers.authorization ?? ''}`);
        res.end(head + '\n' + Buffer.concat(parts));
    });
});
server.listen(0, '127.0.0.1', () => console.log(`echoes on 127.0.0.1:${server.address().port}`));
