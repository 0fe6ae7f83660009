// For k6: the mixed load at a constant arrival rate, whatever the answers take. BENCH_REQUESTS names a JSON file:
// {url, rate, seconds, devices, first, keys, groups, calls: [{name, method, path, body, points}], order}; see
// bench/scenarios.py.
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';

const load = JSON.parse(open(__ENV.BENCH_REQUESTS));
const failed = new Counter('failed');
const points = new Counter('points');
const durations = load.calls.map((call) => new Trend(`duration_${call.name}`, true));
const pieces = load.calls.map((call) => call.body.split(/(@[A-Z_]+@)/));

export const options = {
  discardResponseBodies: true,
  systemTags: ['status'],
  summaryTrendStats: ['count', 'med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    mixed: {
      executor: 'constant-arrival-rate',
      rate: load.rate,
      duration: `${load.seconds}s`,
      preAllocatedVUs: 128,
      maxVUs: 512,
    },
  },
};

const padded = (number, length) => String(number).padStart(length, '0');

export default function () {
  const number = exec.scenario.iterationInTest;
  const device = number % load.devices;
  const lap = Math.floor(number / load.devices);
  const chosen = load.order[(number + lap) % load.order.length];
  const call = load.calls[chosen];
  const values = { D: padded(device, 12), G: load.groups[device], M: padded(load.first + lap, 8) };
  const body = call.method === 'POST'
    ? pieces[chosen].map((piece) => (piece[0] === '@' ? values[piece[1]] : piece)).join('')
    : null;
  const answer = http.request(call.method, load.url + call.path, body, {
    headers: { 'X-API-Key': load.keys[number % load.keys.length], 'Content-Type': 'application/json' },
  });
  durations[chosen].add(answer.timings.duration);
  if (answer.status === 200) points.add(call.points);
  else failed.add(1);
}

export const handleSummary = (data) => ({ [__ENV.BENCH_SUMMARY]: JSON.stringify(data.metrics) });
