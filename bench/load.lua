-- SPDX-License-Identifier: Apache-2.0
-- wrk script: one request repeated, the result as one line of JSON.
-- Settings from the environment: BENCH_NAME, BENCH_METHOD, BENCH_PATH, BENCH_BODY, BENCH_TOKEN, BENCH_LABEL, BENCH_CONNECTIONS
wrk.method = os.getenv("BENCH_METHOD") or "GET"
wrk.path = os.getenv("BENCH_PATH") or "/"
wrk.headers["Accept"] = "application/json"
local token, body = os.getenv("BENCH_TOKEN"), os.getenv("BENCH_BODY")
if token and token ~= "" then wrk.headers["X-Auth-Token"] = token end
local subject = os.getenv("BENCH_SUBJECT")
if subject and subject ~= "" then wrk.headers["X-Subject-Token"] = subject end
if body and body ~= "" then
	wrk.body = body
	wrk.headers["Content-Type"] = "application/json"
end

function done(summary, latency, requests)
	local seconds = summary.duration / 1e6
	local e = summary.errors
	io.write(string.format('{"measure": "%s", "connections": %s, "requests": %d, "seconds": %.2f, "req_per_s": %.2f, ' ..
		'"p50_ms": %.2f, "p90_ms": %.2f, "p99_ms": %.2f, "max_ms": %.2f, "bytes_per_response": %d, ' ..
		'"http_errors": %d, "socket_errors": %d, "timeouts": %d, "label": "%s"}\n',
		os.getenv("BENCH_NAME") or "load", os.getenv("BENCH_CONNECTIONS") or "0", summary.requests, seconds,
		summary.requests / seconds, latency:percentile(50) / 1e3, latency:percentile(90) / 1e3,
		latency:percentile(99) / 1e3, latency.max / 1e3, summary.requests > 0 and summary.bytes / summary.requests or 0,
		e.status, e.connect + e.read + e.write, e.timeout, os.getenv("BENCH_LABEL") or ""))
end
