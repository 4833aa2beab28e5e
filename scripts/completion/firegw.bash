# bash completion of firegw, firegwd and firegw-sim. Written by scripts/gen-docs: the tables from the programs' help, the rest from tests/tools/completion.bash.
_firegw_verbs='check show status points alarms events ack reset shelve unshelve verify service test silence raise duty selftest history backtest report probe hub watch version help'
_firegw_kinds='smoke_detector heat_detector flame_detector beam_detector aspirating_detector linear_heat manual_call_point hydrant_button fire_panel detector_loop sounder gas_extinguishing residual_current conductor_temperature arc_fault phase_voltage phase_current power_energy gas_concentration gas_valve sprinkler_pressure sprinkler_flow pressure_switch alarm_valve deluge_valve signal_valve end_of_line_pressure hydrant_pressure hydrant_flow hydrant_cover tank_level pool_level water_temperature fire_pump jockey_pump sprinkler_pump pump_mode pump_power fire_door fire_shutter fire_damper smoke_fan emergency_lighting emergency_broadcast fire_phone fire_lift fire_lane rescue_site micro_station control_room_presence lookout mains_power backup_power device_status generic'
# The options of a command.
_firegw_options() {
	case "$1" in
	'firegw check') echo '--config --json --help' ;;
	'firegw show') echo '--config --json --help' ;;
	'firegw status') echo '--follow --every --bus --socket --json --help' ;;
	'firegw points') echo '--bad --follow --every --socket --json --help' ;;
	'firegw alarms') echo '--all --follow --socket --json --help' ;;
	'firegw events') echo '--since --until --class --limit --follow --socket --json --help' ;;
	'firegw ack') echo '--note --socket --json --help' ;;
	'firegw reset') echo '--note --socket --json --help' ;;
	'firegw shelve') echo '--for --note --socket --json --help' ;;
	'firegw unshelve') echo '--note --socket --json --help' ;;
	'firegw verify') echo '--cause --note --socket --json --help' ;;
	'firegw service') echo '--note --socket --json --help' ;;
	'firegw test') echo '--for --drill --end --note --socket --json --help' ;;
	'firegw silence') echo '--note --socket --json --help' ;;
	'firegw raise') echo '--building --floor --note --socket --json --help' ;;
	'firegw duty') echo '--from --note --socket --json --help' ;;
	'firegw selftest') echo '--note --socket --json --help' ;;
	'firegw history') echo '--from --to --every --format --plot --height --db --socket --json --help' ;;
	'firegw backtest') echo '--rules --from --to --config --db --socket --json --help' ;;
	'firegw report') echo '--month --format --db --socket --json --help' ;;
	'firegw probe') echo '--unit --fc --register --count --scan --watch --every --for --timeout --retries --direct --socket --json --help' ;;
	'firegw hub') echo '--note --socket --json --help' ;;
	'firegw watch') echo '--hub --config --region --class --node --username --password-file --ca --cert --key --mqtt --for --socket --json --help' ;;
	'firegw version') echo '--socket --json --help' ;;
	'firegw help') echo '--json --help' ;;
	'firegwd') echo '--config --uplink --player --help --version' ;;
	'firegw-sim') echo '--site --listen --ptys --check --marks --seed --speed --begins --for --socket --raise --clear --list --status --help --version' ;;
	esac
}
# How an option's value is completed; nothing: it takes none.
_firegw_value() {
	case "$1 $2" in
	'firegw check --config' | 'firegw check -c') echo 'file' ;;
	'firegw show --config' | 'firegw show -c') echo 'file' ;;
	'firegw status --every') echo 'span' ;;
	'firegw status --bus') echo 'other' ;;
	'firegw status --socket') echo 'file' ;;
	'firegw points --every') echo 'span' ;;
	'firegw points --socket') echo 'file' ;;
	'firegw alarms --socket') echo 'file' ;;
	'firegw events --since') echo 'time' ;;
	'firegw events --until') echo 'time' ;;
	'firegw events --class') echo 'class' ;;
	'firegw events --limit') echo 'other' ;;
	'firegw events --socket') echo 'file' ;;
	'firegw ack --note') echo 'other' ;;
	'firegw ack --socket') echo 'file' ;;
	'firegw reset --note') echo 'other' ;;
	'firegw reset --socket') echo 'file' ;;
	'firegw shelve --for') echo 'span' ;;
	'firegw shelve --note') echo 'other' ;;
	'firegw shelve --socket') echo 'file' ;;
	'firegw unshelve --note') echo 'other' ;;
	'firegw unshelve --socket') echo 'file' ;;
	'firegw verify --cause') echo 'time' ;;
	'firegw verify --note') echo 'other' ;;
	'firegw verify --socket') echo 'file' ;;
	'firegw service --note') echo 'other' ;;
	'firegw service --socket') echo 'file' ;;
	'firegw test --for') echo 'span' ;;
	'firegw test --note') echo 'other' ;;
	'firegw test --socket') echo 'file' ;;
	'firegw silence --note') echo 'other' ;;
	'firegw silence --socket') echo 'file' ;;
	'firegw raise --building') echo 'other' ;;
	'firegw raise --floor') echo 'other' ;;
	'firegw raise --note') echo 'other' ;;
	'firegw raise --socket') echo 'file' ;;
	'firegw duty --from') echo 'other' ;;
	'firegw duty --note') echo 'other' ;;
	'firegw duty --socket') echo 'file' ;;
	'firegw selftest --note') echo 'other' ;;
	'firegw selftest --socket') echo 'file' ;;
	'firegw history --from') echo 'time' ;;
	'firegw history --to') echo 'time' ;;
	'firegw history --every') echo 'span' ;;
	'firegw history --format') echo 'words table csv json' ;;
	'firegw history --height') echo 'other' ;;
	'firegw history --db') echo 'file' ;;
	'firegw history --socket') echo 'file' ;;
	'firegw backtest --rules') echo 'file' ;;
	'firegw backtest --from') echo 'time' ;;
	'firegw backtest --to') echo 'time' ;;
	'firegw backtest --config' | 'firegw backtest -c') echo 'file' ;;
	'firegw backtest --db') echo 'file' ;;
	'firegw backtest --socket') echo 'file' ;;
	'firegw report --month') echo 'other' ;;
	'firegw report --format') echo 'words text csv html' ;;
	'firegw report --db') echo 'file' ;;
	'firegw report --socket') echo 'file' ;;
	'firegw probe --unit') echo 'other' ;;
	'firegw probe --fc') echo 'other' ;;
	'firegw probe --register') echo 'other' ;;
	'firegw probe --count') echo 'other' ;;
	'firegw probe --every') echo 'span' ;;
	'firegw probe --for') echo 'span' ;;
	'firegw probe --timeout') echo 'span' ;;
	'firegw probe --retries') echo 'other' ;;
	'firegw probe --socket') echo 'file' ;;
	'firegw hub --note') echo 'other' ;;
	'firegw hub --socket') echo 'file' ;;
	'firegw watch --hub') echo 'hub' ;;
	'firegw watch --config' | 'firegw watch -c') echo 'file' ;;
	'firegw watch --region') echo 'other' ;;
	'firegw watch --class') echo 'class' ;;
	'firegw watch --node') echo 'other' ;;
	'firegw watch --username') echo 'other' ;;
	'firegw watch --password-file') echo 'file' ;;
	'firegw watch --ca') echo 'file' ;;
	'firegw watch --cert') echo 'file' ;;
	'firegw watch --key') echo 'file' ;;
	'firegw watch --mqtt') echo 'words 5 3.1.1' ;;
	'firegw watch --for') echo 'span' ;;
	'firegw watch --socket') echo 'file' ;;
	'firegw version --socket') echo 'file' ;;
	'firegwd --config' | 'firegwd -c') echo 'file' ;;
	'firegwd --uplink') echo 'file' ;;
	'firegwd --player') echo 'file' ;;
	'firegw-sim --site') echo 'file' ;;
	'firegw-sim --listen') echo 'other' ;;
	'firegw-sim --ptys') echo 'other' ;;
	'firegw-sim --seed') echo 'other' ;;
	'firegw-sim --speed') echo 'other' ;;
	'firegw-sim --begins') echo 'other' ;;
	'firegw-sim --for') echo 'span' ;;
	'firegw-sim --socket') echo 'file' ;;
	'firegw-sim --raise') echo 'raise' ;;
	'firegw-sim --clear') echo 'clear' ;;
	esac
}
# How a verb's word is completed; $2: which, from 1.
_firegw_words() {
	case "$1" in
	'firegw check') [ "$2" = 1 ] && echo 'file' || echo 'other' ;;
	'firegw show') [ "$2" = 1 ] && echo 'file' || echo 'other' ;;
	'firegw status') echo 'other' ;;
	'firegw points') echo 'select_point' ;;
	'firegw alarms') echo 'select' ;;
	'firegw events') echo 'select' ;;
	'firegw ack') echo 'alarm' ;;
	'firegw reset') echo 'alarm' ;;
	'firegw shelve') [ "$2" = 1 ] && echo 'alarm' || echo 'other' ;;
	'firegw unshelve') [ "$2" = 1 ] && echo 'alarm' || echo 'other' ;;
	'firegw verify') [ "$2" = 1 ] && echo 'alarm' || echo 'words real false test drill' ;;
	'firegw service') [ "$2" = 1 ] && echo 'point' || echo 'words out in' ;;
	'firegw test') echo 'select' ;;
	'firegw silence') echo 'other' ;;
	'firegw raise') echo 'other' ;;
	'firegw duty') [ "$2" = 1 ] && echo 'words on off handover answer show' || echo 'other' ;;
	'firegw selftest') echo 'other' ;;
	'firegw history') echo 'point' ;;
	'firegw backtest') echo 'select' ;;
	'firegw report') echo 'other' ;;
	'firegw probe') [ "$2" = 1 ] && echo 'words tcp:// rtu:// rtu+tcp://' || echo 'other' ;;
	'firegw hub') [ "$2" = 1 ] && echo 'words list resend purge' || echo 'hub' ;;
	'firegw watch') [ "$2" = 1 ] && echo 'words mqtt:// mqtts:// ws:// wss://' || echo 'other' ;;
	'firegw version') echo 'other' ;;
	'firegw help') [ "$2" = 1 ] && echo 'verb' || echo 'other' ;;
	esac
}

# Lists of words are meant to be parted.
_firegw_classes='fire prealarm supervisory fault disablement actuation operation'

# The program as it was typed, so that one that is not in PATH completes too; silent, and short, whatever the daemon does.
_firegw_ask() {
	local program=${_firegw_program/#\~\//$HOME/}
	timeout 2 "$program" "$@" 2>/dev/null
}

# The values of a text field in JSON, one a line. What we ask for has no escapes in it: ids, floors, names.
_firegw_field() {
	grep -o "\"$1\": *\"[^\"\\\\]*\"" | sed 's/^"[^"]*": *"//; s/"$//' | sort -u
}

_firegw_points() {
	_firegw_ask points --json ${_firegw_socket:+--socket "$_firegw_socket"}
}

_firegw_hubs() {
	_firegw_ask status --json ${_firegw_socket:+--socket "$_firegw_socket"} | sed -n 's/.*"hubs": *\[//p' | sed 's/\].*//' | _firegw_field name
}

# Candidates of a kind for $2, one a line; those that do not fit may be among them.
_firegw_candidates() {
	case $1 in
	words\ *) printf '%s\n' ${1#words } ;;
	verb) printf '%s\n' $_firegw_verbs ;;
	file) compgen -f -- "$2" ;;
	class) _firegw_list "$2" $_firegw_classes ;;
	time) printf '%s\n' 1h 8h 24h 7d 30d today yesterday ;;
	span) printf '%s\n' 1m 5m 15m 1h 1d ;;
	hub) _firegw_hubs ;;
	alarm) _firegw_ask alarms --all --json ${_firegw_socket:+--socket "$_firegw_socket"} | _firegw_field alarm ;;
	point) _firegw_points | _firegw_field id ;;
	select) _firegw_select "$2" ;;
	select_point)
		_firegw_select "$2"
		[[ $2 == *=* ]] || _firegw_points | _firegw_field id
		;;
	raise) _firegw_ask --list ${_firegw_socket:+--socket "$_firegw_socket"} | sed -n '/^can be raised/,/^\(raised\|nothing\)/{/(not here/!s/^  \([a-z-]*\).*/\1/p}' ;;
	clear)
		echo all
		_firegw_ask --list ${_firegw_socket:+--socket "$_firegw_socket"} | sed -n '/^raised now/,$s/^  \([a-z-]*\).*/\1/p'
		;;
	esac
}

# Several with commas: what stands before the last one stays.
_firegw_list() {
	local before='' word
	[[ $1 == *,* ]] && before=${1%,*},
	shift
	for word; do
		printf '%s\n' "$before$word"
	done
}

_firegw_select() {
	local key=${1%%=*} rest=${1#*=}
	if [[ $1 != *=* ]]; then
		printf '%s\n' kind= floor= building= zone= bus= device= class=
		return
	fi
	case $key in
	class) _firegw_list "$rest" $_firegw_classes ;;
	kind) _firegw_list "$rest" $_firegw_kinds ;;
	floor | building | zone) _firegw_list "$rest" $(_firegw_points | _firegw_field "$key") ;;
	device) _firegw_list "$rest" $(_firegw_points | _firegw_field id | sed 's/\..*//' | sort -u) ;;
	esac | sed "s/^/$key=/"
}

# bash parts words at = and : too: joins them again, up to the cursor's, into _firegw_line.
_firegw_join() {
	local i word glue=''
	_firegw_line=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $i -gt 1 && ($glue || $word == [=:]*) ]]; then
			_firegw_line[${#_firegw_line[@]} - 1]+=$word
		else
			_firegw_line+=("$word")
		fi
		[[ $word =~ ^[=:]+$ ]] && glue=1 || glue=
	done
}

# What stands before the cursor's word: the command (with its verb), --socket's value, how many words, and the kind that is wanted now.
_firegw_parse() {
	local i word last=$((${#_firegw_line[@]} - 1)) value ended=''
	_firegw_command=$1 _firegw_socket='' _firegw_n=1 _firegw_kind='' _firegw_acts=''
	for ((i = 1; i < last; i++)); do
		word=${_firegw_line[i]}
		if [[ $ended || $word != -* ]]; then
			if [[ $_firegw_command == firegw ]]; then
				_firegw_command+=" $word"
			else
				((_firegw_n++))
			fi
			continue
		fi
		[[ $word == -- ]] && ended=1 && continue
		[[ $word == --socket=* ]] && _firegw_socket=${word#*=}
		[[ $word == --raise* || $word == --clear* ]] && _firegw_acts=1
		value=$(_firegw_value "$_firegw_command" "$word")
		[[ $value ]] || continue
		((++i == last)) && _firegw_kind=$value && return
		[[ $word == --socket ]] && _firegw_socket=${_firegw_line[i]}
	done
	word=${_firegw_line[last]}
	if [[ ! $ended && $word == --*=* ]]; then
		_firegw_kind=$(_firegw_value "$_firegw_command" "${word%%=*}")
	elif [[ ! $ended && $word == -* && $_firegw_command != firegw ]]; then
		_firegw_kind="words $(_firegw_options "$_firegw_command")"
	elif [[ $_firegw_command == firegw ]]; then
		_firegw_kind=verb
		[[ $word == -* ]] && _firegw_kind='words --help --version'
	elif [[ $_firegw_command == firegw-sim ]]; then
		_firegw_kind='file'
		[[ $_firegw_acts ]] && _firegw_kind='words floor= zone= building= device='
	else
		_firegw_kind=$(_firegw_words "$_firegw_command" "$_firegw_n")
	fi
}

_firegw() {
	local _firegw_program=${COMP_WORDS[0]} _firegw_command _firegw_socket _firegw_n _firegw_kind _firegw_acts
	local -a _firegw_line
	local raw=${COMP_WORDS[COMP_CWORD]} whole part before='' ahead='' candidate
	COMPREPLY=()
	_firegw_join
	_firegw_parse "${_firegw_program##*/}"
	whole=${_firegw_line[${#_firegw_line[@]} - 1]} part=$whole
	[[ $whole == --*=* ]] && part=${whole#*=}
	# Only what bash takes for the word is replaced.
	[[ $raw =~ ^[=:]+$ ]] && raw=
	if [[ ${#raw} -gt ${#part} ]]; then
		ahead=${raw%"$part"}
	else
		before=${part%"$raw"}
	fi
	while IFS= read -r candidate; do
		[[ $candidate == "$part"* ]] && COMPREPLY+=("$ahead${candidate#"$before"}")
	done < <(_firegw_candidates "$_firegw_kind" "$part")
	[[ $_firegw_kind == file ]] && compopt -o filenames 2>/dev/null
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] && $_firegw_kind != file ]] && compopt -o nospace 2>/dev/null
	return 0
}

complete -F _firegw firegw firegwd firegw-sim
