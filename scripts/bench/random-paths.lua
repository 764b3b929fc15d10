-- Asks for the paths of a file in a random order that is the same each time: wrk … -s random-paths.lua URL -- FILE
local requests = {}

function init(arguments)
  for line in io.lines(arguments[1]) do requests[#requests + 1] = wrk.format("GET", line) end
  math.randomseed(42)
end

function request() return requests[math.random(#requests)] end
