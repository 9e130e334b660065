// `node relay/main.mjs [port] [host]`
import { startRelay } from "./relay.mjs";

const [port, host] = process.argv.slice(2);
const relay = await startRelay({ ...(port && { port: Number(port) }), ...(host && { host }) });
console.log(`relay: ws://${host ?? "127.0.0.1"}:${relay.port}/<store>`);
