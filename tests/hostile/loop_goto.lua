-- ends: failed
-- The same without a loop's word.
return { filter = function() ::again:: goto again end }
