# pair.sh mode conc secs rounds
S=sea_operators-own-secret-operators-own-secret-operators-oA
for i in $(seq $4); do for p in 28410 28430 28430 28410; do echo -n "$p "; ./loadgen -mode $1 -addr 127.0.0.1:$p -pid $(cat pid-$p) -secret $S -conc $2 -secs $3 2>/dev/null; done; done; uptime
