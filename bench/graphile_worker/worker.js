// Drains a queue of finished bodies with graphile-worker and its local queue; prints what it cost as a line of JSON.
// node worker.js DATABASE ADDRESS COUNT; counts from the start of the first job, and ends with its input.
import { EventEmitter } from "node:events";
import { Logger, run } from "graphile-worker";
import { Agent } from "undici";

const [connectionString, address, count] = process.argv.slice(2);
const IN_FLIGHT = 64;
const upstream = new Agent({ connections: IN_FLIGHT, pipelining: 1 });
const request = {
  origin: address,
  path: "/fhir-r4/v1/Encounter",
  method: "POST",
  headers: { "content-type": "application/json", authorization: "Bearer 0123456789012345678901234567" },
};

async function send(payload) {
  const { statusCode, body } = await upstream.request({ ...request, body: payload.body });
  const answer = await body.json();
  if (statusCode !== 201 || !answer.id) throw new Error(`HTTP ${statusCode}`);
}

const events = new EventEmitter();
let started, cpu, done = 0;
events.once("job:start", () => {
  started = performance.now();
  cpu = process.cpuUsage();
});
events.on("job:complete", () => {
  if (++done < Number(count)) return;
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000, cpu: (user + system) / 1e6 }));
});
const runner = await run({
  events,
  noHandleSignals: true,
  taskList: { send },
  preset: {
    worker: {
      connectionString,
      concurrentJobs: IN_FLIGHT,
      maxPoolSize: 10,
      localQueue: { size: 500 },
      completeJobBatchDelay: 5,
      failJobBatchDelay: 5,
      logger: new Logger(() => () => {}),
    },
  },
});
process.stdin.resume().once("end", async () => {
  await runner.stop();
  process.exit(0);
});
