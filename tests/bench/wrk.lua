-- Prints the outcome of a wrk run as one line of JSON.
done = function(summary, latency, requests)
	local e = summary.errors
	io.write(string.format(
		'\n{"seconds": %.6f, "requests": %d, "min": %.9f, "p50": %.9f, "p99": %.9f, ' ..
		'"timeouts": %d, "errors": %d, "bytes": %d}\n',
		summary.duration / 1e6, summary.requests, latency.min / 1e6,
		latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
		e.timeout, e.connect + e.read + e.write + e.status, summary.bytes))
end
