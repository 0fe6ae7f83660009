// For k6: 40 % single uploads, 30 % listings, 20 % registrations, 10 % batches, by one of the scenarios below.
//
//   make load SCENARIO=spike SCALE=0.5                  against a throw-away service
//   make load SCENARIO=spike BASE_URL=http://127.0.0.1:8080 API_KEY_FILE=$PWD/.dev/api-key
//
// On a machine that has k6 only, given what `python -m bench.scenarios` printed:
//
//   k6 run -e MIX=$PWD/mix.json -e BASE_URL=… -e API_KEYS=pm_…,pm_… -e SCENARIO=spike scripts/load-test.js
//
// MIX, API_KEY_FILE   files, with a whole path: the requests; API keys, one a line
// SCALE, DURATION     a factor of users or rate (1), seconds in all (60)
// P95                 what the 95th percentile may be, in milliseconds (200, of a spike 2000)
// REGISTERED          set: the devices are there; else they are registered before the load begins
// RATE, FIRST         of the scenario rate: requests/s; the first moment of uploads, see bench/scenarios.py
//
// Exit code 99: a threshold is not kept.
import { fail, sleep } from 'k6';
import { SharedArray } from 'k6/data';
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter, Rate, Trend } from 'k6/metrics';

const wanted = (name) => __ENV[name] || fail(`${name} is missing: see scripts/load-test.js`);
const name = __ENV.SCENARIO || 'baseline';
const scale = Number(__ENV.SCALE || 1);
const url = wanted('BASE_URL');
const words = () => (__ENV.API_KEY_FILE ? open(__ENV.API_KEY_FILE) : wanted('API_KEYS')).split(/[\s,]+/).filter(Boolean);
const keys = new SharedArray('keys', words);
const { calls, order, devices, day } = JSON.parse(open(wanted('MIX')));
const groups = new SharedArray('groups', () => JSON.parse(open(__ENV.MIX)).groups);

const failed = new Counter('failed'); // neither answered as wished nor refused
const refused = new Rate('refused'); // 503: too many at a time
const points = new Counter('points'); // acknowledged
const durations = calls.map((call) => new Trend(`duration_${call.name}`, true));
const pieces = calls.map((call) => call.body.split(/(@[A-Z_]+@)/));

const seconds = Number(__ENV.DURATION || 60);
const ramp = Math.min(10, Math.round(seconds / 3));
const scaled = (number) => Math.max(1, Math.round(number * scale));

// pause: seconds of a user between two requests, on average
const { title, pause, refusals, p95, executor } = {
  baseline: {
    title: `${scaled(100)} users, each with a request a second`,
    pause: 1,
    refusals: 'rate==0',
    p95: 200,
    executor: { executor: 'constant-vus', vus: scaled(100), duration: `${seconds}s` },
  },
  stress: {
    title: `from 0 to ${scaled(1000)} requests/s, on at most ${scaled(1000)} connections`,
    refusals: 'rate==0',
    p95: 200,
    executor: {
      executor: 'ramping-arrival-rate',
      startRate: 0,
      preAllocatedVUs: scaled(1000),
      stages: [
        { duration: `${seconds / 2}s`, target: scaled(1000) },
        { duration: `${seconds / 2}s`, target: scaled(1000) },
      ],
    },
  },
  spike: {
    title: `from 0 to ${scaled(5000)} users in ${ramp} s, each with a request in five seconds`,
    pause: 5,
    refusals: 'rate<0.05',
    p95: 2000,
    executor: {
      executor: 'ramping-vus',
      startVUs: 0,
      stages: [
        { duration: `${ramp}s`, target: scaled(5000) },
        { duration: `${seconds - ramp}s`, target: scaled(5000) },
      ],
    },
  },
  rate: {
    title: `${__ENV.RATE} requests/s`,
    executor: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      duration: `${seconds}s`,
      preAllocatedVUs: 128,
      maxVUs: Number(__ENV.USERS || 512),
    },
  },
}[name] || fail(`there is no scenario ${name}`);

const kept = {
  failed: ['count==0'],
  refused: [refusals],
  dropped_iterations: [`count<=${Math.ceil(scaled(1000) * seconds * 0.001)}`], // requests that could not begin in time
};
for (const call of calls) kept[`duration_${call.name}`] = [`p(95)<${__ENV.P95 || p95}`];
const all = `http_req_duration{scenario:${name}}`; // as a threshold that always holds, it is in the summary

export const options = {
  discardResponseBodies: true,
  systemTags: ['status', 'scenario'],
  summaryTrendStats: ['count', 'med', 'p(95)', 'p(99)', 'max'],
  setupTimeout: '300s',
  scenarios: { [name]: { ...executor, gracefulStop: name === 'rate' ? '30s' : '5s' } },
  thresholds: { [all]: ['max>=0'], ...(p95 ? kept : {}) },
};

const padded = (number, length) => String(number).padStart(length, '0');

function request(chosen, number, device, moment) {
  const call = calls[chosen];
  const values = { D: padded(device, 12), G: groups[device], M: padded(moment, 8) };
  const body = call.method === 'POST'
    ? pieces[chosen].map((piece) => (piece[0] === '@' ? values[piece[1]] : piece)).join('')
    : null;
  const headers = { 'X-API-Key': keys[number % keys.length], 'Content-Type': 'application/json' };
  return [call.method, url + call.path, body, { headers }];
}

// Whoever loads a service again sends points of other moments, so that they are new.
const someMoment = () => Math.floor(Date.now() / 86400000 - 7 - Math.random() * 20) * day;

export function setup() {
  console.log(`${name} at scale ${scale}: ${title}, for ${seconds} s, against ${url}`);
  const registration = calls.findIndex((call) => call.name === 'register_device');
  for (let device = 0; device < devices && !__ENV.REGISTERED; device += 20) {
    const some = [...Array(Math.min(20, devices - device)).keys()].map((n) => request(registration, n, device + n, 0));
    const bad = http.batch(some).find((answer) => answer.status !== 200);
    if (bad) fail(`registering a device was answered ${bad.status}; the load needs a key without a limit`);
  }
  return Number(__ENV.FIRST || someMoment());
}

export default function (first) {
  const number = exec.scenario.iterationInTest;
  const lap = Math.floor(number / devices);
  const chosen = order[(number + lap) % order.length];
  const answer = http.request(...request(chosen, number, number % devices, first + lap));
  durations[chosen].add(answer.timings.duration);
  refused.add(answer.status === 503);
  if (answer.status === 200) points.add(calls[chosen].points);
  else if (answer.status !== 503) failed.add(1);
  if (pause) sleep(pause * (0.5 + Math.random()));
}
