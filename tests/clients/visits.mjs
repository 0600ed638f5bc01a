// Visits of many to a shop by the way of @segment/analytics-node: HOST KEY EVENTS VISITORS; prints how often each did what.
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";

const [modules, host, writeKey, events, visitors] = process.argv.slice(2);
const { Analytics } = createRequire(modules + "/")("@segment/analytics-node");
const analytics = new Analytics({ host, writeKey });
const failures = [];
analytics.on("error", (error) => failures.push(String(error.reason ?? error.code)));

const turns = Number(events) / Number(visitors);
const sent = Array.from({ length: Number(visitors) }, () => ({ "Page Viewed": 0, "Product Added": 0 }));
for (let turn = 0; turn < turns; turn++) {
  for (let visitor = 0; visitor < sent.length; visitor++) {
    const who = { anonymousId: `visitor-${visitor}`, ...(turn > turns * 0.6 ? { userId: `user-${visitor}` } : {}) };
    if (turn === Math.floor(turns * 0.4)) {
      const traits = { email: `u${visitor}@example.org`, plan: "pro" };
      analytics.identify({ ...who, userId: `user-${visitor}`, traits });
    } else if (turn % 3 === 0) {
      analytics.track({ ...who, event: "Product Added", properties: { price: turn } });
      sent[visitor]["Product Added"]++;
    } else {
      analytics.page({ ...who, name: "Product", properties: { url: `/p/${turn}` } });
      sent[visitor]["Page Viewed"]++;
    }
  }
  await pause(1); // as a program that has other things to do
}
await analytics.closeAndFlush({ timeout: 300_000 });
console.log(JSON.stringify({ sent, failures }));
