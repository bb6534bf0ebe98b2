// SPDX-License-Identifier: Apache-2.0
//
// Sends webhooks as a cloud would that uses the public SDKs: npm's cloudevents
// and standardwebhooks.
//
//     echo '[{"url": ..., "mode": ..., "events": [...]}, ...]' | node send.js
//
// sends one request after the other and prints the list of their answers,
// {"status": 204, "headers": {...}, "body": "..."}.  A command has:
//
//   url          where to
//   mode         "structured", "binary", "batch" (CloudEvents), "standard"
//                (Standard Webhooks), or "sdk": structured, over the SDK's
//                own transport, which does not tell the status
//   events       [{"type", "data"}]; one, except in a batch
//   secrets      signs with each of them; none: unsigned
//   id           of the message, for the signature; by default a new one
//   timestamp    in seconds, likewise; by default now
//   headers      further ones
//
// The packages are found by NODE_PATH.

"use strict";

const crypto = require("crypto");
const fs = require("fs");
const http = require("http");
const { CloudEvent, HTTP, Mode, emitterFor, httpTransport } =
    require("cloudevents");
const { Webhook } = require("standardwebhooks");

const SOURCE = "/clouds/lab";

function cloudEvent({ type, data }) {
    return new CloudEvent({ type: `com.example.cloud.${type}`,
                            source: SOURCE, data });
}

// The SDK reads batches but has no function that writes one.
function batch(events) {
    const message = {
        headers: { "content-type": "application/cloudevents-batch+json" },
        body: JSON.stringify(events.map(cloudEvent)),
    };
    if (HTTP.toEvent(message).length !== events.length) {
        throw new Error("the SDK does not read the batch that was made");
    }
    return message;
}

function standard([{ type, data }]) {
    return {
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ type, timestamp: new Date(), data }),
    };
}

function signature(command, body) {
    if (!(command.secrets || []).length) {
        return {};
    }
    const id = command.id || `msg_${crypto.randomUUID()}`;
    const when = command.timestamp === undefined
        ? new Date() : new Date(command.timestamp * 1000);
    return {
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(when / 1000)),
        "webhook-signature": command.secrets.map(
            (secret) => new Webhook(secret).sign(id, when, body)).join(" "),
    };
}

function post(command, message) {
    const headers = { ...message.headers, ...signature(command, message.body),
                      ...command.headers };
    return new Promise((resolve, reject) => {
        const request = http.request(
            command.url, { method: "POST", headers }, (answer) => {
                let body = "";
                answer.setEncoding("utf-8");
                answer.on("data", (chunk) => { body += chunk; });
                answer.on("end", () => resolve({ status: answer.statusCode,
                                                 headers: answer.headers,
                                                 body }));
            });
        request.on("error", reject);
        // As the SDK's own transport does it: chunked.
        request.write(message.body);
        request.end();
    });
}

async function send(command) {
    const transport = (message) => post(command, message);
    switch (command.mode) {
    case "structured":
        return emitterFor(transport, { mode: Mode.STRUCTURED })(
            cloudEvent(command.events[0]));
    case "binary":
        return emitterFor(transport, { mode: Mode.BINARY })(
            cloudEvent(command.events[0]));
    case "batch":
        return transport(batch(command.events));
    case "standard":
        return transport(standard(command.events));
    case "sdk": {
        const message = HTTP.structured(cloudEvent(command.events[0]));
        return httpTransport(command.url)(message, {
            headers: { ...signature(command, message.body),
                       ...command.headers } });
    }
    default:
        throw new Error(`unknown mode ${command.mode}`);
    }
}

async function main() {
    const answers = [];
    for (const command of JSON.parse(fs.readFileSync(0, "utf-8"))) {
        answers.push(await send(command));
    }
    console.log(JSON.stringify(answers));
}

main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
});
